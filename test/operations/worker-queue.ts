import {spawnSync} from 'node:child_process';
import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

/** A worker of a queue of files: claims, looks whether it is paused, takes a job, works, tells. Killed in the middle, it has lost its job. */
const program = `queue=$1 me=$2
release=$(cat "$me/site/current/name")
mkdir -p "$me/busy"
echo $$ >"$me/pid"
while :; do
  : >"$me/busy/claim"
  job=
  [ -e "$me/paused" ] || job=$(ls "$queue/new" | head -n 1)
  if [ -n "$job" ] && mv "$queue/new/$job" "$me/busy/$job" 2>/dev/null; then
    sleep 0.05
    while [ -e "$queue/hold" ]; do sleep 0.05; done
    echo "$job $release" >>"$queue/done"
    rm "$me/busy/$job"
  fi
  rm "$me/busy/claim"
  [ -n "$job" ] || sleep 0.02
done
`;

/** Real processes, one a host, that share a queue; the commands are what an operator would write in drover.yml. `$HOME` is the host's. */
export class WorkerQueue {
  readonly pause = ': >"$HOME/paused"';
  readonly until = '[ -z "$(ls "$HOME/busy" 2>/dev/null)" ]';
  readonly resume = 'rm -f "$HOME/paused"';
  readonly restart: string;

  private constructor(readonly folder: string) {
    // The old process dies at once, whatever it is doing.
    this.restart = `[ ! -s "$HOME/pid" ] || kill -KILL "$(cat "$HOME/pid")"; rm -f "$HOME/busy/claim"; setsid sh ${folder}/worker ${folder} "$HOME" </dev/null >/dev/null 2>&1 &`;
  }

  static async make(folder: string): Promise<WorkerQueue> {
    await mkdir(path.join(folder, 'new'), {recursive: true});
    await writeFile(path.join(folder, 'worker'), program);
    return new WorkerQueue(folder);
  }

  /** Adds jobs, by their numbers. */
  async add(from: number, to: number): Promise<void> {
    for (let number = from; number < to; number++) await writeFile(path.join(this.folder, 'new', `job-${number}`), '');
  }

  /** While held, every job that is begun stays in the works. */
  async hold(isHeld: boolean): Promise<void> {
    const file = path.join(this.folder, 'hold');
    if (isHeld) await writeFile(file, '');
    else spawnSync('rm', ['-f', file]);
  }

  /** Jobs that are done, and by which release, in order. */
  async done(): Promise<readonly {readonly job: string; readonly release: string}[]> {
    const text = await readFile(path.join(this.folder, 'done'), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => ({job: line.split(' ')[0] ?? '', release: line.split(' ')[1] ?? ''}));
  }

  /** Waits until so many jobs are done, as long as the test may take. */
  async waitFor(count: number): Promise<void> {
    while ((await this.done()).length < count) await sleep(50);
  }

  /** Ends the workers of these hosts. */
  async stop(homes: readonly string[]): Promise<void> {
    for (const home of homes) {
      const pid = Number(await readFile(path.join(home, 'pid'), 'utf8').catch(() => '0'));
      if (pid > 1) spawnSync('kill', ['-KILL', String(pid)]);
    }
  }

  /** Jobs in the hands of a host. */
  async busy(home: string): Promise<readonly string[]> {
    return (await readdir(path.join(home, 'busy')).catch(() => [])).filter((name) => name !== 'claim');
  }
}
