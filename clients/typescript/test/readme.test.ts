// README's quick start, as a new user follows it: the program that stands there, on the simulated Asterisk's console.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { real } from './server.js'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

test("README's quick start", { timeout: 60_000, skip: real }, async () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const program = /```js\n([^]*?)```/.exec(readme)![1]!
  const session = /^ {4}(call 1000\n(?: {4}\[1\].*\n)+)/m.exec(readme)![1]!.split('\n').map((line) => line.trim()).filter(Boolean)
  assert.equal(session.length, 5)

  const bin = join(folder, 'build', 'bin', 'arisim')
  mkdirSync(dirname(bin), { recursive: true })
  execFileSync('go', ['build', '-o', bin, './cmd/arisim'], { cwd: join(folder, '..', '..'), stdio: 'inherit' })
  const arisim = spawn(bin, ['-addr', '127.0.0.1:0'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const told: string[] = []
  const lines = createInterface({ input: arisim.stdout })
  let more = () => {}
  lines.on('line', (line) => {
    told.push(line)
    more()
  })
  const until = async (what: string, condition: () => boolean) => {
    while (!condition()) {
      const timer = setTimeout(() => assert.fail(`never: ${what}; told:\n${told.join('\n')}`), 30_000)
      await new Promise<void>((resolve) => (more = resolve))
      clearTimeout(timer)
    }
  }
  const hello = mkdtempSync(join(tmpdir(), 'ari-hello-'))
  let user: ReturnType<typeof spawn> | undefined
  try {
    await until('the address', () => told.length > 0)
    const url = /at (\S+),/.exec(told[0]!)![1]!
    // The package as it would be installed.
    const home = join(hello, 'node_modules', '@ari-go', 'client')
    mkdirSync(home, { recursive: true })
    copyFileSync(join(folder, 'package.json'), join(home, 'package.json'))
    symlinkSync(join(folder, 'dist'), join(home, 'dist'))
    assert.ok(program.includes('http://127.0.0.1:8088/ari'))
    writeFileSync(join(hello, 'hello.mjs'), program.replace('http://127.0.0.1:8088/ari', url))
    user = spawn(process.execPath, ['hello.mjs'], { cwd: hello, stdio: ['ignore', 'pipe', 'inherit'] })
    const [first] = (await once(createInterface({ input: user.stdout! }), 'line')) as [string]
    assert.equal(first, 'waiting for calls')
    arisim.stdin.write(`${session[0]}\n`)
    await until('the call is over', () => told.some((line) => line.includes('is over')))
    assert.deepEqual(told.slice(1), session.slice(1))
  } finally {
    user?.kill()
    arisim.kill()
    rmSync(hello, { recursive: true, force: true })
  }
})
