const always = ['connection', 'keep-alive', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/** Names of the fields that concern one connection only, and are not handed on (RFC 9110 section 7.6.1). */
export function connectionFields(connection: string | string[] | undefined): Set<string> {
  const named = [connection ?? []].flat().flatMap((line) => line.toLowerCase().split(','))
  return new Set([...always, ...named.map((name) => name.trim())])
}
