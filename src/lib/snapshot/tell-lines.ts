import type {Readable} from 'node:stream';
import {StringDecoder} from 'node:string_decoder';

const longestLine = 4096;

/** Tells a stream line by line as it comes; a longer line is told in pieces. Resolves when the stream has ended or was destroyed. */
export async function tellLines(stream: Readable, say: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const tell = (text: string): void => {
    const lines = `${rest}${text}`.split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) say(line);
    for (; rest.length > longestLine; rest = rest.slice(longestLine)) say(rest.slice(0, longestLine));
  };
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => tell(decoder.write(chunk)));
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  if (rest !== '') say(rest);
}
