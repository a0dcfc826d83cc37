import {type ChildProcessByStdio, spawn} from 'node:child_process';
import {lstat, rm} from 'node:fs/promises';
import type {Readable, Writable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {KeptOutput} from './kept-output.js';

/**
 * Starts ssh and ends it when standard input ends, which happens however drover itself ends: no connection outlives its owner, and no
 * file of its own. `$0` is the control socket.
 */
const leash = `command -v "$1" >/dev/null || { echo "$1: not found" >&2; exit 127; }
exec 3<&0
"$@" </dev/null 3<&- &
ssh=$!
{ read -r line <&3; kill "$ssh"; sleep 1; rm -f "$0" "$0".*; rmdir "\${0%/*}"; } 2>/dev/null &
wait "$ssh"`;

/** The `ssh -M` that carries all sessions of one host. */
export interface Master {
  readonly socket: string;
  ended(): boolean;
  /** What ssh said last, at most 16 KiB. */
  words(): string;
  stop(): Promise<void>;
}

export interface MasterOptions {
  /** Where the control socket will be. */
  readonly socket: string;
  /** The arguments of ssh. */
  readonly words: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Starts a master and waits until it is logged in: ssh makes its control socket then. Undefined with what ssh said when it ended or was
 * not done in time; rejects with the signal's reason.
 */
export async function startMaster({socket, words, env, timeoutMs, signal}: MasterOptions): Promise<Master | {readonly failed: string}> {
  signal.throwIfAborted();
  await rm(socket, {force: true});
  const child: ChildProcessByStdio<Writable, null, Readable> = spawn('/bin/sh', ['-c', leash, socket, 'ssh', ...words], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env,
  });
  const said = new KeptOutput(16 * 1024);
  let over = false;
  child.stderr.on('data', (piece: Buffer) => said.add(piece));
  const drained = new Promise((resolve) => child.stderr.once('end', resolve));
  child.stdin.on('error', () => undefined);
  const ending = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true;
      resolve();
    };
    child.once('error', (error) => {
      said.add(Buffer.from(error.message));
      end();
    });
    child.once('exit', end);
  });
  const master: Master = {
    socket,
    ended: () => over,
    words: () => said.bytes().toString('utf8'),
    async stop() {
      endGroup(child.pid);
      child.stdin.destroy();
      await ending;
      child.stderr.destroy();
      await rm(socket, {force: true});
    },
  };
  const deadline = performance.now() + timeoutMs;
  while (!over && performance.now() < deadline && !signal.aborted) {
    if (await exists(socket)) return master;
    await Promise.race([ending, sleep(15, undefined, {signal}).catch(() => undefined)]);
  }
  const late = !over;
  // What ssh said last may still be in the pipe; a program that it left behind may hold that.
  if (over) await Promise.race([drained, sleep(200)]);
  await master.stop();
  signal.throwIfAborted();
  return {failed: late ? `no SSH session within ${Math.round(timeoutMs / 100) / 10} s` : master.words()};
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

/** ssh with the programs it started for us, a ProxyCommand among them. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}
