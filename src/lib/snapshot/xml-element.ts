/** The text of the first element of this name without children, empty where there is none; enough for what S3 services say. */
export function readElement(text: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
  return found.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
