/** C0, DEL, C1, bidirectional controls, zero-width marks, line separators and lone surrogates. */
const unsafe =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be made visible
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escapeCharacter(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/**
 * Foreign text (host output, names, messages) made safe for one line of a terminal or a CI log: every control byte,
 * bidi mark and line break becomes a visible escape. Ordinary letters of all scripts stay as they are.
 */
export function printable(text: string): string {
  return text.replace(unsafe, escapeCharacter);
}

/** As `printable`, for text of several lines: line breaks stay, `\r\n` counts as one. */
export function printableLines(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => printable(line));
}
