// Builds the documentation site into site/build/public: the reference of commands and events in one page, and the documents
// beside it. Everything is served from its own host.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Marked } from 'marked'
import { parse } from 'yaml'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
const cache = join(here, 'build')
const out = join(cache, 'public')
const repository = 'https://github.com/ari-go/ari/blob/main/'

// The page's program is one file of this package, whose many dependencies are all in it already: so it is fetched alone.
const scalar = {
  name: '@scalar/api-reference@1.72.1',
  integrity: 'sha512-XpEJ0rfc/cXbCrR+iC4kK0o/WwX2dTtGQbT049OlPKAHD6IMIFdTeGz2r+M27P2EDWKyUITRm/NzlP8z2pw/Ow==',
  file: 'package/dist/browser/standalone.js',
}

// The page may ask nobody else, whatever its program wants.
const policy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'"

function program() {
  mkdirSync(cache, { recursive: true })
  const tarball = join(cache, 'api-reference.tgz')
  const intact = () => existsSync(tarball) && `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}` === scalar.integrity
  if (!intact()) {
    execFileSync('npm', ['pack', scalar.name, '--silent', '--pack-destination', cache], { stdio: ['ignore', 'ignore', 'inherit'] })
    const packed = readdirSync(cache).find((name) => name.startsWith('scalar-') && name.endsWith('.tgz'))
    renameSync(join(cache, packed), tarball)
    if (!intact()) throw new Error(`${scalar.name} isn't what it was`)
  }
  return execFileSync('tar', ['xzOf', tarball, scalar.file], { maxBuffer: 1 << 26 })
}

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

function page(title, depth, body) {
  const up = '../'.repeat(depth)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${up}style.css">
</head>
<body>
<nav class="site"><b>ari</b> <a href="${up}index.html">Commands, events, media</a> <a href="${up}docs/index.html">Documents</a> <a href="https://github.com/ari-go/ari">Source</a></nav>
${body}
</body>
</html>
`
}

// The reference brings its own style: what is here must not touch it.
const style = `body { margin: 0 }
.site { padding: .5rem 1.5rem; border-bottom: 1px solid #d8dee4; background: #f6f8fa; color: #1b1f24; font: 16px/1.6 system-ui, sans-serif }
.site a { margin-left: 1.2rem; color: #0a58b8 }
.document { max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; font: 16px/1.6 system-ui, sans-serif; color: #1b1f24 }
.document a { color: #0a58b8 }
.document pre { overflow-x: auto; padding: .8rem 1rem; background: #f6f8fa; border-radius: 6px; font-size: 14px }
.document code { font-family: ui-monospace, monospace; font-size: .9em }
.document table { border-collapse: collapse; display: block; overflow-x: auto }
.document th, .document td { border: 1px solid #d8dee4; padding: .3rem .6rem; text-align: left; vertical-align: top }
`

// The reference.

function reference() {
  const sources = []
  for (const [name, title, slug] of [
    ['openapi.yaml', 'Commands', 'commands'],
    ['asyncapi.yaml', 'Events', 'events'],
    ['asyncapi-media.yaml', 'Media', 'media'],
  ]) {
    const file = join(root, 'api', name)
    if (!existsSync(file)) continue
    const json = name.replace('.yaml', '.json')
    const description = parse(readFileSync(file, 'utf8'))
    // The page shows the first server: the one that nearly all readers mean.
    const { asterisk, ...others } = description.servers
    if (asterisk) description.servers = { asterisk, ...others }
    writeFileSync(join(out, json), JSON.stringify(description))
    writeFileSync(join(out, name), readFileSync(file))
    sources.push({ title, slug, url: json })
  }
  writeFileSync(join(out, 'events.schema.json'), readFileSync(join(root, 'api', 'events.schema.json')))
  writeFileSync(join(out, 'scalar.js'), program())
  const configuration = {
    sources,
    hideClientButton: true,
    hideTestRequestButton: true,
    showDeveloperTools: 'never',
    agent: { disabled: true },
    mcp: { disabled: true },
    telemetry: false,
    forceDarkModeState: 'light',
    hideDarkModeToggle: true,
    withDefaultFonts: false,
    documentDownloadType: 'both',
    defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  }
  writeFileSync(join(out, 'reference.js'), `Scalar.createApiReference('#reference', ${JSON.stringify(configuration)})\n`)
  writeFileSync(
    join(out, 'index.html'),
    page('Asterisk REST Interface', 0, '<div id="reference"></div>\n<script src="scalar.js"></script>\n<script src="reference.js"></script>'),
  )
}

// The documents.

function markdownFiles() {
  const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'clients/typescript/README.md']
  const walk = (folder) => {
    for (const name of readdirSync(join(root, folder))) {
      const file = posix.join(folder, name)
      if (statSync(join(root, file)).isDirectory()) walk(file)
      else if (name.endsWith('.md')) files.push(file)
    }
  }
  walk('docs')
  return files
}

const target = (file) => posix.join('docs', file.replace(/^docs\//, '').replace(/\.md$/, '.html'))
const anchor = (text) => text.toLowerCase().replace(/<[^>]*>|&\w+;/g, '').replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-')

function documents() {
  const files = markdownFiles()
  const titles = []
  for (const file of files) {
    const to = target(file)
    const marked = new Marked({ gfm: true })
    marked.use({
      renderer: {
        heading({ tokens, depth }) {
          const html = this.parser.parseInline(tokens)
          return `<h${depth} id="${anchor(html)}">${html}</h${depth}>\n`
        },
      },
      walkTokens(token) {
        if (token.type !== 'link' || /^(https?:|#|mailto:)/.test(token.href)) return
        const [path, fragment] = token.href.split('#')
        const named = posix.normalize(posix.join(posix.dirname(file), path))
        if (!existsSync(join(root, named))) throw new Error(`${file}: ${token.href} names nothing`)
        token.href = files.includes(named) ? posix.relative(posix.dirname(to), target(named)) + (fragment ? `#${fragment}` : '') : repository + named
      },
    })
    const text = readFileSync(join(root, file), 'utf8')
    const title = /^# (.*)$/m.exec(text)?.[1] ?? file
    titles.push({ file, to, title })
    mkdirSync(dirname(join(out, to)), { recursive: true })
    writeFileSync(join(out, to), page(title, to.split('/').length - 1, `<main class="document">\n${marked.parse(text)}</main>`))
  }
  const list = titles.map(({ to, title }) => `<li><a href="${posix.relative('docs', to)}">${escape(title.replaceAll('`', ''))}</a></li>`).join('\n')
  writeFileSync(join(out, 'docs', 'index.html'), page('Documents', 1, `<main class="document">\n<h1>Documents</h1>\n<ul>\n${list}\n</ul>\n</main>`))
  return titles.length
}

rmSync(out, { recursive: true, force: true })
mkdirSync(join(out, 'docs'), { recursive: true })
writeFileSync(join(out, 'style.css'), style)
reference()
console.log(`${documents()} documents and the reference are in ${relative(process.cwd(), out) || out}`)
