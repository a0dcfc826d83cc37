import {cleanText} from './foreign-text.js';
import {createPalette} from './palette.js';

/** How the command ended on a host; `failure` says why when it was not well. */
export interface LineEnding {
  readonly status?: number;
  readonly failure?: string;
  readonly code?: string;
}

/** What hosts say as it comes, one whole line at a time. */
export interface HostLines {
  line(host: string, text: string): void;
  ended(host: string, ending: LineEnding): void;
}

/** `web1: text` for people, and `web1: [exit 3]` where it did not end well; foreign text is made safe, colour marks whose words are whose. */
export function createLabelledLines({write, colour}: {readonly write: (text: string) => void; readonly colour: boolean}): HostLines {
  const palette = createPalette(colour);
  return {
    line: (host, text) => write(`${palette.strong(`${host}:`)} ${cleanText(text)}\n`),
    ended: (host, {failure}) => {
      if (failure !== undefined) write(`${palette.strong(`${host}:`)} ${palette.bad(`[${cleanText(failure)}]`)}\n`);
    },
  };
}

/** The same as one JSON object a line: `{"host","line"}`, and `{"host","ended":true,"status"?,"failure"?,"code"?}` once for each host. */
export function createJsonLines({write}: {readonly write: (text: string) => void}): HostLines {
  return {
    line: (host, text) => write(`${JSON.stringify({host, line: text})}\n`),
    ended: (host, ending) => write(`${JSON.stringify({host, ended: true, ...ending})}\n`),
  };
}
