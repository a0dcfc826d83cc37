import type {Step} from '../events/event.js';
import {type RetryPolicy, retryTransient} from '../fanout/retry.js';
import {HostApp} from '../host/host-app.js';
import type {Link} from '../host/link.js';
import {VerbError} from '../host/verb-call.js';
import type {App} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {World} from './world.js';

/** Opens the host's connection (or uses the open one) and forgets it when it turns out to be lost. */
export async function useLink<T>(world: World, host: Host, action: (link: Link) => Promise<T>): Promise<T> {
  const link = await world.links.open(host, world.signal);
  try {
    return await action(link);
  } catch (error) {
    if (error instanceof VerbError && error.failure === 'lost') await world.links.drop(host);
    throw error;
  }
}

/** One app on one host. */
export function useHost<T>(world: World, host: Host, app: App, action: (on: HostApp) => Promise<T>): Promise<T> {
  return useLink(world, host, (link) => action(new HostApp(link, app.root, app.name, world.signal)));
}

/** Three tries over at most 6 s of waiting: a host that is back by then was only away for a moment. */
const stepRetry: RetryPolicy = {attempts: 3, firstDelayMs: 1000, maxDelayMs: 3000};

export interface StepOptions<T> {
  readonly host: Host;
  readonly step: Step;
  readonly action: () => Promise<T>;
  /** What to say of the result; `unchanged` when there was nothing to do. */
  readonly describe?: (value: T) => {readonly detail?: string; readonly unchanged?: boolean};
  readonly retry?: RetryPolicy;
}

/** Runs one step of one host with its events around it; what is lost on the way is tried again, since all steps are safe to repeat. */
export async function runStep<T>(world: World, options: StepOptions<T>): Promise<T> {
  const {host, step, action, describe, retry = stepRetry} = options;
  const startedMs = world.now();
  await world.emit({kind: 'step-started', host: host.name, step});
  try {
    const value = await retryTransient(action, {
      policy: retry,
      random: world.random,
      signal: world.signal,
      onRetry: (notice) => world.emit({kind: 'retrying', host: host.name, step, ...notice}),
    });
    const words = describe?.(value);
    const detail = words?.detail === undefined ? {} : {detail: words.detail};
    await world.emit({
      kind: 'step-ended',
      host: host.name,
      step,
      outcome: words?.unchanged === true ? 'unchanged' : 'done',
      ms: world.now() - startedMs,
      ...detail,
    });
    return value;
  } catch (error) {
    const outcome = world.signal.aborted ? 'interrupted' : 'failed';
    await world.emit({kind: 'step-ended', host: host.name, step, outcome, ms: world.now() - startedMs, detail: describeError(error)});
    throw error;
  }
}

export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
