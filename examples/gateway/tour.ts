/** Lines for a shell that show what the cache does, by the field Cache-Status. */
export function tour(address: string, origin: string | undefined): string[] {
  const page = origin === undefined ? `${address}/products/7` : `${address}/`
  const news = origin === undefined ? `${address}/news` : `${address}/`
  const show = '| grep -i cache-status'
  const lines = [
    `curl -si ${page} ${show}   # miss: asked for the first time`,
    `curl -si ${page} ${show}   # hit: answered from memory`,
    `curl -si -H 'Cache-Control: no-cache' ${page} ${show}   # revalidation: the origin answers 304`,
    `curl -s ${news} -o /dev/null; sleep 2; curl -si ${news} ${show}   # stale: served while it is refreshed`,
  ]
  if (origin === undefined) return lines
  return [...lines, `What these show for ${origin} depends on the Cache-Control of its answers.`]
}
