import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {listRuns, readRun} from '../../src/lib/events/journal.js';
import type {Finished} from './finished.js';
import {restartCommand} from './host-files.js';
import {type HostView, viewHost} from './host-view.js';
import {writeInventory} from './inventory-text.js';
import {type Rig, startRig} from './rig.js';
import {type RotationWatch, watchRotation} from './rotation-watch.js';
import {startTraffic, type Traffic} from './traffic.js';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const killer = fileURLToPath(new URL('kill-at-record.mjs', import.meta.url));
const root = '/srv/site';
const floor = 1;

const projectText = `inventory: inventory.yml
apps:
  site:
    source: ./content
    root: ${root}
    hosts: role:web
    restart: ${restartCommand}
    roll: {waves: [1, 100%], floor: ${floor}, budget: 0, soak: 0s, confirm: 90s, keep: 4}
    drain: {haproxy: {socket: /run/haproxy/admin.sock, backend: web}, wait: 5s, then: close}
    warm: {from: sitemap, port: 80, rate: 200/s, until: hit >= 95%, deadline: 40s}
    health: [{http: /healthz, port: 80, version: x-release, timeout: 5s, interval: 100ms, rise: 1, deadline: 30s}]
`;

/** One of two people: a machine with a home of its own, and the project there. */
export interface Person {
  readonly name: string;
  readonly home: string;
  readonly project: string;
}

/** The controller dies right before the record is written, or right after it is on the disk. Records count from 1. */
export interface KillPoint {
  readonly record: number;
  readonly when: 'before' | 'after';
}

/** What a host says after everything: what it serves, and what is left of the runs there. */
export interface HostTale extends HostView {
  /** What its own journal says that it serves. */
  readonly told: string | undefined;
  /** Rollouts that did not end there. */
  readonly openRuns: readonly string[];
}

/** What was deployed to everybody last, over what: a rollback would lead back to it. */
export interface Moved {
  readonly base: string;
  readonly target: string;
}

/** Four real hosts behind one HAProxy, under constant load: two fleets that know nothing of one another. */
export class KillRange {
  private constructor(
    readonly rig: Rig,
    readonly fleets: readonly KillFleet[],
  ) {}

  /** Each fleet serves its second release, so that there is one to go back to. */
  static async open(): Promise<KillRange> {
    const rig = await startRig({
      hosts: 4,
      balancers: 1,
      perHost: {web2: {shell: 'fish', rcNoise: true}, web3: {shell: 'sh', userland: 'busybox'}, web4: {shell: 'tcsh'}},
    });
    try {
      return new KillRange(rig, await Promise.all(['eu', 'us'].map((silo) => KillFleet.open(rig, silo))));
    } catch (error) {
      await rig.stop();
      throw error;
    }
  }

  /** Constant load, and an eye on the rotation, from now until `stop` of each. */
  observe(): {readonly watch: RotationWatch; readonly traffic: Traffic} {
    const traffic = startTraffic({rig: this.rig, rate: 20, paths: ['/', '/pages/1.html'], forMs: 24 * 60 * 60_000});
    return {watch: watchRotation(this.rig, floor), traffic};
  }
}

/** The hosts of one silo, and two operators, of whom one is killed again and again. */
export class KillFleet {
  readonly hosts: readonly string[];
  /** Where everybody has just been brought forward; whoever makes a rollback of it, or anything else, takes it away. */
  moved: Moved | undefined;
  /** How long before its time a deploy must begin here: longer than a whole one took. */
  leadSeconds = 0;
  #marks = 0;

  private constructor(
    readonly rig: Rig,
    readonly silo: string,
    readonly ana: Person,
    readonly bob: Person,
  ) {
    this.hosts = rig.hosts.filter((host) => host.role === 'web' && host.silo === silo).map(({name}) => name);
  }

  static async open(rig: Rig, silo: string): Promise<KillFleet> {
    const [ana, bob] = await Promise.all(
      ['ana', 'bob'].map(async (name) => ({name, home: await rig.operator.newHome(), project: path.join(rig.dir, `${silo}-${name}`)})),
    );
    if (ana === undefined || bob === undefined) throw new Error('two people were asked for');
    const fleet = new KillFleet(rig, silo, ana, bob);
    const hosts = rig.hosts.filter((host) => host.role !== 'web' || host.silo === silo);
    for (const {project} of [ana, bob]) {
      await mkdir(path.join(project, 'content', 'pages'), {recursive: true});
      await writeFile(path.join(project, 'drover.yml'), projectText);
      await writeFile(path.join(project, 'inventory.yml'), writeInventory({hosts, link: 'ssh'}));
    }
    for (const mark of ['first', 'second']) {
      await fleet.snapshot(ana, mark);
      const startedMs = Date.now();
      await fleet.expectDone(ana, ['deploy', '--all', '--yes']);
      fleet.leadSeconds = 8 + Math.ceil((Date.now() - startedMs) / 1000);
    }
    return fleet;
  }

  /** Runs drover as somebody would type it; with a kill point it dies there, or ends before. */
  drover(person: Person, words: readonly string[], kill?: KillPoint): Promise<Finished> {
    const hooked = kill === undefined ? [] : ['--import', killer];
    const point: Record<string, string> = kill === undefined ? {} : {KILL_AT_RECORD: String(kill.record), KILL_WHEN: kill.when};
    return this.rig.operator.exec([process.execPath, ...hooked, program, ...words], {
      cwd: person.project,
      home: person.home,
      env: {USER: person.name, ...point},
      timeoutMs: 300_000,
    });
  }

  async expectDone(person: Person, words: readonly string[]): Promise<string> {
    const ended = await this.drover(person, words);
    if (ended.status === 0) return ended.stdout.trim();
    throw new Error(`drover ${words.join(' ')} ended with ${ended.status ?? ended.signal}: ${ended.stderr}\n${ended.stdout}`);
  }

  /** A site that nobody has had before; gives its id. */
  async snapshot(person: Person, mark: string): Promise<string> {
    this.#marks += 1;
    const text = `<!-- ${this.silo} ${this.#marks} -->\n<p>${mark}</p>\n`;
    const content = path.join(person.project, 'content');
    await writeFile(path.join(content, 'index.html'), text);
    await writeFile(path.join(content, 'pages', '1.html'), text);
    await writeFile(
      path.join(content, 'sitemap.xml'),
      '<urlset><url><loc>http://site/</loc></url><url><loc>http://site/pages/1.html</loc></url></urlset>\n',
    );
    return this.expectDone(person, ['snapshot']);
  }

  /** The newest run in a person's own journals: what each of its whole records is about, a step of a host or a kind of event. */
  async newestRun(person: Person): Promise<{readonly run: string; readonly records: readonly string[]} | undefined> {
    const stateDir = path.join(person.home, '.local', 'state', 'drover');
    const [newest] = await listRuns(stateDir);
    if (newest === undefined) return undefined;
    const {events} = await readRun(stateDir, newest.run);
    return {run: newest.run, records: events.map((event) => ('step' in event ? event.step : event.kind))};
  }

  view(): Promise<readonly HostTale[]> {
    return Promise.all(this.hosts.map((host) => this.#askHost(host)));
  }

  /** Lets all leases run out now, as 90 s without a heartbeat would. */
  async ageLeases(): Promise<void> {
    const script = `cd ${root}/.drover && [ -f lease ] || exit 0; aged=$(sed 's/^until=.*/until=0/' lease) && printf '%s\\n' "$aged" >lease`;
    for (const host of this.hosts) await this.rig.exec(host, ['/bin/sh', '-c', script]);
  }

  /** After a violation: whatever there is, the next trial begins on a fleet that serves one release. */
  async mend(): Promise<void> {
    this.moved = undefined;
    await this.ageLeases();
    await this.snapshot(this.bob, 'mended');
    await this.expectDone(this.bob, ['deploy', '--all', '--yes', '--wait-lease', '3m']);
  }

  async #askHost(host: string): Promise<HostTale> {
    const state = path.join(this.rig.hostRoot(host), root, '.drover');
    const [view, journal, runs] = await Promise.all([
      viewHost(this.rig, host, root),
      readFile(path.join(state, 'journal'), 'utf8'),
      readdir(path.join(state, 'runs')),
    ]);
    const entries = await Promise.all(runs.map(async (run) => ({run, names: await readdir(path.join(state, 'runs', run))})));
    const openRuns = entries.filter(({names}) => names.includes('plan') && !names.includes('ended')).map(({run}) => run);
    return {...view, told: readLastMove(journal), openRuns};
  }
}

/** What a host's journal says that it serves: the end of its last move. Throws on a line that is none. */
function readLastMove(journal: string): string | undefined {
  let live: string | undefined;
  for (const line of journal.trimEnd().split('\n')) {
    const [at = '', epoch, run, event, ...detail] = line.split(' ');
    if (!/^\d{4}-\d\d-\d\dT[\d:]+Z$/.test(at) || epoch === undefined || run === undefined || event === undefined)
      throw new Error(`the journal of a host has the line ${JSON.stringify(line)}`);
    if (event === 'switched' || event === 'reverted') live = detail.at(-1);
  }
  return live;
}
