import {lostResult} from '../../src/lib/host/exec-streams.js';
import type {Link} from '../../src/lib/host/link.js';

/** The link, which dies with the end of its first call of `verb`: nobody hears how that ended, and nothing is heard after it. */
export function dieAfter(verb: string, link: Link): Link {
  let dead = false;
  return {
    ...link,
    exec: async (request) => {
      if (dead) return lostResult('cut by the test');
      const result = await link.exec(request);
      if (request.label?.startsWith(`${verb} `) !== true) return result;
      dead = true;
      return lostResult('cut by the test');
    },
  };
}
