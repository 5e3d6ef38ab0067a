// Fails when the package has grown beyond what was promised.
import { execFileSync } from 'node:child_process'

const limit = 100_000
const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }))
console.log(`the package has ${pack.size} bytes, of ${pack.files.length} files`)
if (!pack.files.some((file) => file.path === 'dist/index.js')) throw new Error('the package is not built')
if (pack.size > limit) throw new Error(`more than ${limit} bytes`)
