import path from 'node:path';
import type {DroverEvent, Sink} from './event.js';
import {createHttpCourier} from './http-courier.js';
import {createOutbox} from './outbox.js';

/** What people want to be called for: the run, its waves, and each host that did not go as planned. */
function isMilestone(event: DroverEvent): boolean {
  switch (event.kind) {
    case 'run-started':
    case 'run-ended':
    case 'wave-started':
    case 'wave-ended':
    case 'rolling-back':
    case 'warning':
      return true;
    case 'host-ended':
      return event.outcome !== 'done' && event.outcome !== 'unchanged';
    default:
      return false;
  }
}

/** Posts milestones to a URL as JSON, in order, beside the run. What is left 2 s after the end is in `<stateDir>/spool`. */
export function createWebhookSink({
  url,
  stateDir,
  run,
  random,
}: {
  readonly url: string;
  readonly stateDir: string;
  readonly run: string;
  readonly random: () => number;
}): Sink {
  const target = new URL(url);
  const outbox = createOutbox({
    courier: createHttpCourier({name: `webhook at ${target.origin}`, url: target}),
    spoolFile: path.join(stateDir, 'spool', `webhook-${target.hostname.replace(/[^.\w-]/g, '_')}-${run}.ndjson`),
    random,
  });
  return {accept: (event) => (isMilestone(event) ? outbox.accept(event) : undefined), close: () => outbox.close()};
}
