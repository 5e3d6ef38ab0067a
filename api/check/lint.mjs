// Runs redocly's linter, and fails on warnings too: redocly itself only counts them.
import { spawnSync } from 'node:child_process'

const { status, stdout, stderr } = spawnSync('redocly', ['lint', '--config', '../redocly.yaml', '--format', 'json', '../openapi.yaml'], {
  encoding: 'utf8',
  maxBuffer: 1 << 26,
})
const start = stdout.indexOf('{')
if (start < 0) throw new Error(`redocly said nothing (status ${status}): ${stderr}`)
const { totals, problems } = JSON.parse(stdout.slice(start))
for (const p of problems) console.error(`${p.severity}: ${p.ruleId}: ${p.message} at ${p.location[0]?.pointer}`)
console.log(`redocly: ${totals.errors} errors, ${totals.warnings} warnings`)
process.exit(totals.errors + totals.warnings > 0 ? 1 : 0)
