import { BlockList, isIP, isIPv6 } from 'node:net'

/** How far away a host may be. */
export type Reach = 'loopback' | 'private' | 'anywhere'

function list(...nets: [net: string, prefix: number, family: 'ipv4' | 'ipv6'][]): BlockList {
  const out = new BlockList()
  for (const net of nets) out.addSubnet(...net)
  return out
}

const loopback = list(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6'])
const near = list(
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'], // a provider's own, which many overlay networks use (RFC 6598)
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
)

/**
 * Tells from a URL's host how far away it is. A name of one word, or under one of the domains that are reserved for it, can only be found
 * in a network of one's own: a container's, for example.
 */
export function reachOf(host: string): Reach {
  const address = host.replace(/^\[|\]$/g, '')
  if (isIP(address)) {
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    return loopback.check(address, family) ? 'loopback' : near.check(address, family) ? 'private' : 'anywhere'
  }
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return 'loopback'
  if (!name.includes('.') || /\.(local|internal|home\.arpa)$/.test(name)) return 'private'
  return 'anywhere'
}

const form = 'it looks like http://host:8088/ari'

/** Returns a base URL without its last slashes. What is refused is never shown: it may hold a password. */
function checkedURL(raw: string): URL {
  const bad = (why: string) => new TypeError(`the base URL ${why}`)
  if (typeof raw !== 'string' || !/^https?:\/\//i.test(raw)) throw bad(`must begin with http:// or https://: ${form}`)
  if (raw.includes('@')) throw bad('must hold no user and no password: give them as username and password')
  let url: URL
  try {
    url = new URL(raw)
  } catch {
    throw bad(`is malformed: ${form}`) // The error of URL shows it.
  }
  if (url.search !== '' || url.hash !== '' || /[?#]/.test(raw)) throw bad(`must end with the path: ${form}`)
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

const warned = new Set<string>() // hosts

/** Checks where credentials would go, and returns the base URL. */
export function baseOf(options: { url: string; username: string; password: string; cleartextCredentials?: boolean }): string {
  const url = checkedURL(options.url)
  for (const name of ['username', 'password'] as const) if (typeof options[name] !== 'string') throw new TypeError(`${name} is missing`)
  if (options.username.includes(':')) throw new TypeError('the user name has a colon in it')
  if (url.protocol === 'http:' && !options.cleartextCredentials) {
    const reach = reachOf(url.hostname)
    if (reach === 'anywhere') {
      throw new TypeError(`user and password would go over the network to ${url.hostname} in clear text: use https, or allow it by cleartextCredentials`)
    }
    if (reach === 'private' && !warned.has(url.hostname)) {
      warned.add(url.hostname)
      process.emitWarning(`user and password go over the network to ${url.hostname} in clear text; https would protect them`, { code: 'ARI_CLEARTEXT' })
    }
  }
  return url.href.replace(/\/+$/, '')
}
