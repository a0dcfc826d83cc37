import {spawn} from 'node:child_process';
import {cpSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Readable} from 'node:stream';
import type {Link} from '../../src/lib/host/link.js';
import {callVerb, VerbError} from '../../src/lib/host/verb-call.js';
import type {VerbName} from '../../src/lib/host/verb-program.js';
import {makeHost, patiently} from '../host/some-host.js';
import type {Shell} from '../host/verb-site.js';
import {type Cut, planCut} from './cut.js';
import type {ModelState, Watcher} from './model-state.js';
import type {Ending} from './model-verb.js';
import {observeHost} from './observe-host.js';

interface Run {
  /** What a login shell would get. */
  readonly command: string;
  readonly args: readonly string[];
  readonly input: Buffer;
  readonly cut: Cut | undefined;
}

/** A verb that has not ended by then, with all that it started, never will: it is killed, and the model says that it ends. */
const patienceMs = 300_000;

/** The verbs of one shell on one folder of this machine. */
export class RealHost {
  readonly watchers: string;

  constructor(
    readonly root: string,
    readonly shell: Shell,
  ) {
    this.watchers = `${root}.watchers`;
    this.keepWatchers([]);
  }

  observe(): ModelState {
    return observeHost(this.root, this.watchers);
  }

  keepWatchers(watchers: readonly Watcher[]): void {
    writeFileSync(this.watchers, watchers.map(({run, from, to, token}) => `${run}|${from}|${to}|${token}\n`).join(''));
  }

  /** `lost` when it was killed before it could say how it ended. */
  async call(verb: VerbName, values: Record<string, string | number | undefined>, payload: Buffer, cut: Cut | undefined): Promise<Ending> {
    try {
      const body = await callVerb(this.link(cut), {verb, values: {root: this.root, app: 'shop', ...values}, payload, signal: patiently});
      return {how: 'done', lines: readBody(verb, body)};
    } catch (error) {
      if (!(error instanceof VerbError)) throw error;
      return {how: error.failure === 'unexpected' ? error.message : error.failure, lines: readBody(verb, error.body)};
    }
  }

  /** The process that a switch has started, when its time has come. */
  async fireDeadMan({run, from, to, token}: Watcher, cut: Cut | undefined): Promise<Ending> {
    const program = path.join(this.root, '.drover', 'runs', run, 'watcher.sh');
    const command = `exec /bin/sh -c '. "$0"' "$@"`;
    const {status} = await this.run({command, args: [program, this.root, run, from, to, '1', 'shop', token], input: Buffer.alloc(0), cut});
    return {how: status === null ? 'lost' : 'done', lines: []};
  }

  private link(cut: Cut | undefined): Link {
    return {
      host: makeHost({link: 'local'}),
      kind: 'local',
      exec: async ({command, stdin}) => {
        const {status, stdout} = await this.run({command, args: [], input: stdin as Buffer, cut});
        const exit = status === null ? ({kind: 'lost', reason: 'killed'} as const) : ({kind: 'exited', status} as const);
        return {exit, stdout, stderr: Buffer.alloc(0), truncated: false};
      },
      dial: () => Promise.reject(new Error('nothing to dial')),
      close: async () => undefined,
    };
  }

  /** Until everything that it started has ended, too: all of them hold the seventh descriptor. */
  private async run({command, args, input, cut}: Run): Promise<{status: number | null; stdout: Buffer}> {
    const {words} = this.shell;
    const {env, wrap, preamble} = planCut(cut, this.root, this.watchers);
    const text = command.replace('exec /bin/sh', `exec ${words.join(' ')}`).replace("-c '", () => `-c '${preamble}`);
    const [file = '', ...rest] = [...wrap, ...words, '-c', text, 'sh', ...args];
    const child = spawn(file, rest, {
      ...{detached: true, cwd: '/', env: {...this.shell.env, ...env}},
      stdio: ['pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'pipe'],
    });
    const held = Array.from<unknown>(child.stdio)[7] as Readable;
    const pieces: Buffer[] = [];
    child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
    held.resume();
    const patience = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), patienceMs);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    clearTimeout(patience);
    return {status, stdout: Buffer.concat(pieces)};
  }
}

/** A copy of a host on which some releases are staged. */
export function copyHost(template: string, root: string): string {
  mkdirSync(path.dirname(root), {recursive: true});
  cpSync(template, root, {recursive: true, verbatimSymlinks: true, preserveTimestamps: true, mode: 0});
  return root;
}

const told =
  /^(epoch|lease-run|lease-owner|lease-reason|lease-epoch|current|release|part-of|pin|plan|part|open-run|decision|journal|unsafe|once) /;

/** What is comparable of a reply: no times, and nothing of the machine. */
function readBody(verb: VerbName, body: string): string[] {
  const lines = body.split('\n').filter((line) => line !== '' && !/^(error|lease-left|lease-since|lease-beat) /.test(line));
  if (verb !== 'read-state') return lines;
  return lines.filter((line) => told.test(line)).map(dropTime);
}

function dropTime(line: string): string {
  const words = line.split(' ');
  const at = {pin: 2, plan: 3, journal: 1}[words[0] ?? ''];
  return at === undefined ? line : words.filter((_, index) => index !== at).join(' ');
}
