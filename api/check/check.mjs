// Checks the descriptions with tools of another language than the one that made them: whether they are valid, whether
// everything that real Asterisks sent fits them with nothing undeclared, and whether their examples do.
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import SwaggerParser from '@apidevtools/swagger-parser'
import { Parser } from '@asyncapi/parser'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const path = (...names) => join(root, ...names)
const read = (...names) => readFileSync(path(...names), 'utf8')

let faults = 0
let quiet = false
const fault = (text) => {
  if (++faults <= 20 && !quiet) console.error(`fault: ${text}`)
}

// faultsOf counts what is found wrong, and tells nobody.
function faultsOf(f) {
  const before = faults
  quiet = true
  f()
  quiet = false
  const found = faults - before
  faults = before
  return found
}

// plain turns a schema of OpenAPI 3.0 into JSON Schema.
function plain(schema, rename) {
  if (Array.isArray(schema)) return schema.map((item) => plain(item, rename))
  if (schema === null || typeof schema !== 'object') return schema
  const out = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-') || ['example', 'examples', 'discriminator', 'nullable', 'format', 'description'].includes(key)) continue
    if (key === '$ref') out.$ref = rename(value)
    else if (key === 'properties') {
      out.properties = Object.fromEntries(Object.entries(value).map(([name, property]) => [name, plain(property, rename)]))
    } else if (['enum', 'const', 'default', 'required', 'pattern'].includes(key)) out[key] = value
    else out[key] = plain(value, rename)
  }
  if (schema.nullable) out.type = [out.type, 'null']
  return out
}

// Schemas are a description's, closed: a member that isn't declared is a fault.
class Schemas {
  constructor(components) {
    this.ajv = new Ajv2020({ strict: false, allErrors: false })
    this.rename = (ref) => ref.replace('#/components/schemas/', 'schemas#/$defs/')
    const defs = {}
    this.parents = new Set()
    for (const schema of Object.values(components)) {
      for (const part of schema.allOf ?? []) if (part.$ref) this.parents.add(part.$ref.split('/').pop())
    }
    for (const [name, schema] of Object.entries(components)) defs[name] = this.close(plain(schema, this.rename), this.parents.has(name))
    this.ajv.addSchema({ $id: 'schemas', $defs: defs })
    this.compiled = new Map()
  }

  // close closes a schema and all within it, but for the parts of an allOf: these make one object together.
  close(schema, part) {
    if (Array.isArray(schema)) return schema.map((item) => this.close(item, false))
    if (schema === null || typeof schema !== 'object') return schema
    const out = { ...schema }
    for (const key of ['items', 'additionalProperties']) if (typeof out[key] === 'object') out[key] = this.close(out[key], false)
    if (out.properties) out.properties = Object.fromEntries(Object.entries(out.properties).map(([name, p]) => [name, this.close(p, false)]))
    if (out.oneOf) out.oneOf = out.oneOf.map((item) => this.close(item, false))
    if (out.allOf) out.allOf = out.allOf.map((item) => this.close(item, true))
    if (!part && (out.type === 'object' || (out.allOf && out.allOf.length > 1)) && out.additionalProperties === undefined) {
      out.unevaluatedProperties = false
    }
    return out
  }

  fits(schema, value) {
    const key = JSON.stringify(schema)
    if (!this.compiled.has(key)) this.compiled.set(key, this.ajv.compile(this.close(plain(schema, this.rename), false)))
    const validate = this.compiled.get(key)
    return validate(value) ? '' : this.ajv.errorsText(validate.errors)
  }

  check(schema, value, what) {
    const why = this.fits(schema, value)
    if (why) fault(`${what}: ${why} in ${JSON.stringify(value).slice(0, 300)}`)
  }
}

function* recordings() {
  for (const version of readdirSync(path('conformance/testdata')).filter((name) => name.startsWith('asterisk-'))) {
    for (const file of readdirSync(path('conformance/testdata', version)).filter((name) => name.endsWith('.jsonl'))) {
      let line = 0
      for (const text of read('conformance/testdata', version, file).split('\n')) {
        line++
        if (text) yield { ...JSON.parse(text), where: `${version}/${file}:${line}` }
      }
    }
  }
}

// operations of an OpenAPI description by their ids, with their references into the components resolved.
function operations(api) {
  const resolve = (part) => (part?.$ref ? part.$ref.split('/').slice(1).reduce((at, name) => at[name], api) : part)
  const all = new Map()
  for (const item of Object.values(api.paths)) {
    for (const op of Object.values(item)) {
      all.set(op.operationId, {
        ...op,
        parameters: (op.parameters ?? []).map(resolve),
        responses: Object.fromEntries(Object.entries(op.responses).map(([status, response]) => [status, resolve(response)])),
      })
    }
  }
  return all
}

const openapi = parse(read('api/openapi.yaml'))
await new SwaggerParser().validate(structuredClone(openapi))
console.log('api/openapi.yaml is valid')

const schemas = new Schemas(openapi.components.schemas)
const ops = operations(openapi)

// Events, each by the JSON Schema of all, by the description's union, and by the schema of its own type.
const events = JSON.parse(read('api/events.schema.json'))
const asWritten = new Ajv2020({ strict: true, strictRequired: true, allowUnionTypes: true })
const anyEvent = asWritten.compile(events)
const closedEvents = new Ajv2020({ strict: false })
const sealedEvents = closedEvents.compile({
  ...events,
  $id: 'sealed',
  $defs: Object.fromEntries(Object.entries(events.$defs).map(([name, s]) => [name, s.type === 'object' ? { ...s, unevaluatedProperties: false } : s])),
})
// operationOf finds what a recorded line is about. A line of an operation that isn't described would go unchecked.
function operationOf(line) {
  const op = ops.get(line.operation)
  if (!op) fault(`${line.where}: there is no operation ${line.operation}`)
  return op
}

const count = { events: 0, answers: 0, errors: 0, bodies: 0, sent: 0, texts: 0, examples: 0 }
const seen = new Set()

function checkEvent(event, where) {
  count.events++
  seen.add(event.type)
  if (!anyEvent(event)) fault(`${where}: events.schema.json: ${asWritten.errorsText(anyEvent.errors)}`)
  if (!sealedEvents(event)) fault(`${where}: events.schema.json, closed: ${closedEvents.errorsText(sealedEvents.errors)}`)
  schemas.check({ $ref: `#/components/schemas/${event.type}` }, event, where)
}

// A check that can't fail proves nothing.
const start = openapi.components.schemas.StasisStart.example
const message = { $ref: '#/components/schemas/StasisStart' }
for (const [what, event] of Object.entries({
  'an undeclared member': { ...start, undeclared: 1 },
  'an undeclared member within': { ...start, channel: { ...start.channel, undeclared: 1 } },
  'a member too few': { ...start, args: undefined },
  'a member of another type': { ...start, args: 'one' },
  'a value that is not among those described': { ...start, channel: { ...start.channel, state: 'Flying' } },
  'a time of another form': { ...start, timestamp: '2026-01-01T00:00:00Z' },
})) {
  const sent = JSON.parse(JSON.stringify(event))
  if (!schemas.fits(message, sent)) fault(`openapi.yaml takes ${what}`)
  if (sealedEvents(sent)) fault(`events.schema.json takes ${what}`)
}
if (anyEvent({ ...start, type: 'StasisEnd', channel: 1 }) || anyEvent({ ...start, type: 'Unknown' })) fault('events.schema.json takes a wrong type')

function checkLine(line) {
  if (line.dir === 'event') checkEvent(line.body, line.where)
  else if (line.dir === 'sent') {
    count.sent++
    schemas.check({ $ref: '#/components/schemas/RESTRequest' }, line.body, line.where)
  } else if (line.dir === 'request' && line.body !== undefined) {
    const op = operationOf(line)
    if (!op) return
    count.bodies++
    const schema = op.requestBody?.content['application/json'].schema
    if (!schema && line.method === 'GET') return // Asterisk takes it, and OpenAPI has no word for it.
    if (!schema) fault(`${line.where}: ${line.operation} has an undeclared body`)
    else schemas.check(schema, line.body, line.where)
  } else if (line.dir === 'request') operationOf(line)
  else if (line.dir === 'response' && line.status !== 101) {
    const op = operationOf(line)
    if (!op) return
    const described = op.responses[line.status] ?? op.responses.default
    if (line.status < 300 && !op.responses[line.status]) fault(`${line.where}: ${line.operation} answers ${line.status}, which isn't described`)
    if (line.body === undefined) {
      count.texts++
      return
    }
    count[line.status < 300 ? 'answers' : 'errors']++
    const schema = described?.content?.['application/json']?.schema
    if (!schema) fault(`${line.where}: ${line.operation} answers ${line.status} with an undeclared body`)
    else schemas.check(schema, line.body, line.where)
  } else if (line.dir !== 'response') fault(`${line.where}: ${line.dir} is nothing that is recorded`)
}

for (const [what, line] of Object.entries({
  'an operation that is not described': { dir: 'request', method: 'GET', operation: 'channelsDance' },
  'its body': { dir: 'request', method: 'POST', operation: 'channelsDance', body: {} },
  'its answer': { dir: 'response', status: 200, operation: 'channelsDance', body: {} },
  'a line of no known kind': { dir: 'sideways' },
})) {
  if (faultsOf(() => checkLine({ ...line, where: what })) === 0) fault(`the check of recordings takes ${what}`)
}
Object.assign(count, { events: 0, answers: 0, errors: 0, bodies: 0, sent: 0, texts: 0 })
for (const line of recordings()) checkLine(line)

// Examples.
function example(schema, value, where) {
  if (value === undefined) return
  count.examples++
  schemas.check(schema, value, `example of ${where}`)
}
for (const [id, op] of ops) {
  for (const p of op.parameters) example(p.schema, p.example, `${id}'s ${p.name}`)
  let told = op.parameters.some((p) => p.example !== undefined) || (op.parameters.length === 0 && !op.requestBody)
  for (const [name, part] of Object.entries({ body: op.requestBody, ...op.responses })) {
    for (const media of Object.values(part?.content ?? {})) {
      example(media.schema, media.example, `${id}'s ${name}`)
      if (media.example !== undefined && /^(body|2)/.test(name)) told = true
    }
  }
  if (!told) fault(`${id} has no example`)
}
for (const [name, schema] of Object.entries(openapi.components.schemas)) {
  example({ $ref: `#/components/schemas/${name}` }, schema.example, name)
  if (schema.example && name in events.$defs && !anyEvent(schema.example)) fault(`example of ${name}: ${asWritten.errorsText(anyEvent.errors)}`)
}

function* mediaRecordings() {
  for (const format of ['json', 'plain-text']) {
    for (const text of read('api/testdata/media', `${format}.jsonl`).split('\n')) {
      if (text) yield { ...JSON.parse(text), media: format, where: `media/${format}` }
    }
  }
}

// messageOf is the message of AsyncAPI that a recorded line is.
function messageOf(line, messages) {
  const named = (word, kind) => Object.keys(messages).find((id) => messages[id].name === word && messages[id].contentType === kind) ?? word
  if (line.media === undefined) return line.dir === 'event' || line.dir === 'sent' ? { id: line.body.type, value: line.body } : {}
  if (line.body) return { id: named(line.body.event ?? line.body.command, 'application/json'), value: line.body }
  if (line.media === 'json') return {} // sent to be refused
  return { id: named(line.text.split(' ')[0], 'text/plain'), value: line.text }
}

// AsyncAPI. Its own tools don't check examples.
for (const name of ['asyncapi.yaml', 'asyncapi-media.yaml'].filter((name) => existsSync(path('api', name)))) {
  const text = read('api', name)
  const { document, diagnostics } = await new Parser().parse(text)
  for (const d of diagnostics) {
    // 0 and 1 are errors and warnings; 2 are hints, such as that a newer AsyncAPI exists.
    if (d.severity < 2) fault(`api/${name}: ${d.path.join('.')}: ${d.message}`)
  }
  if (!document) continue
  const doc = parse(text)
  const checker = new Schemas(doc.components.schemas)
  let examples = 0
  for (const [id, message] of Object.entries(doc.components.messages)) {
    for (const { payload } of message.examples ?? []) {
      examples++
      checker.check(message.payload, payload, `example of ${id}`)
    }
    if (!message.examples?.length && message.contentType !== 'application/octet-stream') fault(`api/${name}: message ${id} has no example`)
  }
  console.log(`api/${name} is valid: ${document.allMessages().all().length} messages, ${examples} examples`)
  const recorded = name === 'asyncapi.yaml' ? recordings() : mediaRecordings()
  for (const line of recorded) {
    const { id, value } = messageOf(line, doc.components.messages)
    if (id === undefined) continue
    const message = doc.components.messages[id]
    if (!message) fault(`${line.where}: api/${name} has no message ${id}`)
    else checker.check(message.payload, value, `${line.where} by api/${name}`)
  }
}

console.log(
  `recorded: ${count.events} events of ${seen.size} types, ${count.answers} answers, ${count.errors} errors, ${count.bodies} request bodies, ` +
    `${count.sent} requests over the websocket; ${count.texts} answers without JSON`,
)
console.log(`examples: ${count.examples}`)
if (faults > 0) {
  console.error(`${faults} faults`)
  process.exit(1)
}
