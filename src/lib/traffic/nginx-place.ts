import {createHash} from 'node:crypto';
import {isIP} from 'node:net';
import {DroverError} from '../errors/drover-error.js';
import type {Link} from '../host/link.js';
import type {Drain} from '../inventory/app.js';
import type {Host} from '../inventory/host.js';
import type {Place, Sight} from './everywhere.js';
import {nginxProgram, nginxStatus} from './nginx-program.js';
import {markServers, type NginxServer, readUpstream} from './nginx-upstream.js';
import {type ProgramReply, runRemoteProgram} from './remote-program.js';

/** Time for a lock of another change, a test, and a reload. */
const timeoutMs = 60_000;
/** Other hosts of the run are taken out at the same time, each with a change of the same file. */
const mostTries = 20;

/** The upstream as one nginx has it. */
export interface UpstreamView {
  readonly text: string;
  readonly servers: readonly NginxServer[];
  /** Whether the file is what its workers run. */
  readonly isLoaded: boolean;
  /** Workers on their way out. */
  readonly leaving: readonly string[];
  /** By address; undefined where it cannot be counted. */
  readonly connections: ReadonlyMap<string, number | undefined>;
}

export interface NginxSettings {
  readonly drain: Extract<Drain, {kind: 'nginx'}>;
  /** How long nginx may take to have new workers. */
  readonly reloadSeconds: number;
  readonly open: (host: Host, signal: AbortSignal) => Promise<Link>;
}

/** nginx on one balancer host, with the file of one upstream. Everything throws `DroverError`. */
export class NginxUpstream {
  constructor(
    readonly at: Host,
    readonly settings: NginxSettings,
  ) {}

  /** What would make a change fail: undefined when nothing would. `warn` gets what will surprise. */
  async examine(warn: (message: string) => Promise<void>, signal: AbortSignal): Promise<string | undefined> {
    const reply = await this.#run('examine', {}, signal);
    if (reply.status !== 0) return `nginx on ${this.at.name}: ${reply.body}`;
    const [, folder] = /^unbounded (.*)$/m.exec(reply.body) ?? [];
    if (folder !== undefined) {
      await warn(
        `nginx on ${this.at.name} has no worker_shutdown_timeout in ${folder}: a worker that a reload leaves behind stays as long as its last connection; write, for example, worker_shutdown_timeout 10m`,
      );
    }
    return undefined;
  }

  /** `remotes`: addresses whose connections are counted. */
  async view(remotes: readonly string[], signal: AbortSignal): Promise<UpstreamView> {
    const {upstream, file} = this.settings.drain;
    const reply = await this.#run('view', {remotes: remotes.join(' ')}, signal);
    const cut = reply.body.indexOf('\ntext\n');
    if (reply.status !== 0 || cut === -1) throw this.#refuse(reply.body === '' ? `status ${reply.status}` : reply.body);
    const text = reply.body.slice(cut + '\ntext\n'.length, -1);
    const servers = readUpstream(text, upstream);
    if (servers === undefined) throw this.#refuse(`${file} is no configuration that can be read`);
    const facts = reply.body
      .slice(0, cut)
      .split('\n')
      .map((line) => line.split(' '));
    const fact = (name: string): string => facts.find(([first]) => first === name)?.[1] ?? '';
    const workers = facts.filter(([first]) => first === 'worker').map(([, pid = '', state, age]) => ({pid, state, age: Number(age)}));
    const youngest = Math.min(...workers.filter(({state}) => state === 'current').map(({age}) => age));
    const counts = facts.filter(([first]) => first === 'connections');
    return {
      text,
      servers,
      isLoaded: ['', fact('digest')].includes(fact('loaded')) || youngest < Number(fact('age')),
      leaving: workers.filter(({state}) => state === 'leaving').map(({pid}) => pid),
      connections: new Map(counts.map(([, count = '', remote = '']) => [remote, count === '' ? undefined : Number(count)])),
    };
  }

  /** Marks the servers that `choose` picks and loads the file, even where nothing changes in it. Gives the workers of before. */
  async mark(
    choose: (servers: readonly NginxServer[]) => readonly NginxServer[],
    isDown: boolean,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    for (let attempt = 1; ; attempt += 1) {
      const {text, servers} = await this.view([], signal);
      const payload = markServers(text, choose(servers), isDown);
      const expected = createHash('sha256').update(text).digest('hex');
      const reply = await this.#run('change', {expected}, signal, payload);
      if (reply.status === 0) return reply.body.split('\n').flatMap((line) => (line.startsWith('before ') ? [line.slice(7)] : []));
      if (reply.status === nginxStatus.changedMeanwhile && attempt < mostTries) continue;
      throw this.#refuse(reply.status === nginxStatus.changedMeanwhile ? 'the file changes all the time' : reply.body);
    }
  }

  async #run(
    action: 'examine' | 'view' | 'change',
    values: Record<string, string>,
    signal: AbortSignal,
    payload = '',
  ): Promise<ProgramReply> {
    const {file, pid, test, reload} = this.settings.drain;
    const patience = String(this.settings.reloadSeconds);
    return runRemoteProgram({
      link: await this.settings.open(this.at, signal),
      label: `${action} ${file}`,
      program: nginxProgram,
      values: {action, file, pid_file: pid, test, reload, patience, expected: '', remotes: '', ...values},
      payload,
      timeoutMs,
      maxOutputBytes: 4 * 1024 * 1024,
      signal,
    });
  }

  #refuse(fact: string): DroverError {
    return new DroverError({
      code: 'refused',
      host: this.at.name,
      message: `nginx on ${this.at.name} (${this.settings.drain.file}): ${fact}`,
      fix: 'the file is as it was; correct it there, then drover resume',
    });
  }
}

/** The lines of a host: by the operator's map; else by its name or address, at balancers of its silo also by its first label. */
export function chooseServers(
  servers: readonly NginxServer[],
  host: Host,
  {map, isOwn}: {map: Readonly<Record<string, string>>; isOwn: boolean},
): readonly NginxServer[] {
  const mapped = Object.hasOwn(map, host.name) ? map[host.name] : undefined;
  if (mapped !== undefined) return servers.filter(({address}) => address === mapped);
  const label = isIP(host.name) === 0 ? host.name.split('.')[0] : undefined;
  const names = isOwn ? [host.name, host.ssh.address, label] : [host.name];
  return servers.filter(({address}) => names.includes(hostOf(address)));
}

/** Without the port; IPv6 without brackets. */
function hostOf(address: string): string {
  return /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? address.replace(/:\d+$/, '');
}

/** nginx takes port 80 where none is written. */
export function remoteOf(address: string): string {
  return /:\d+$/.test(address) ? address : `${address}:80`;
}

/** One host at one nginx. */
export function makeNginxPlace(host: Host, upstream: NginxUpstream, isOwn: boolean): Place {
  const map = upstream.settings.drain.servers;
  const choose = (servers: readonly NginxServer[]): readonly NginxServer[] => chooseServers(servers, host, {map, isOwn});
  let remotes: readonly string[] = [];
  let before: ReadonlySet<string> | undefined;
  return {
    name: `nginx on ${upstream.at.name}`,
    look: async (signal) => {
      if (remotes.length === 0) remotes = choose((await upstream.view([], signal)).servers).map(({address}) => remoteOf(address));
      return readSight(await upstream.view(remotes, signal), {choose, before});
    },
    takeOut: async (signal) => {
      before = new Set([...(before ?? []), ...(await upstream.mark(choose, true, signal))]);
    },
    putBack: async (signal) => {
      await upstream.mark(choose, false, signal);
    },
  };
}

/** Workers of `before` the change, or all that are leaving: while one lives, it may bring a request that it took up earlier. */
export function readSight(
  view: UpstreamView,
  {choose, before}: {choose: (servers: readonly NginxServer[]) => readonly NginxServer[]; before?: ReadonlySet<string> | undefined},
): Sight {
  const own = choose(view.servers);
  const isDown = own.every((server) => server.isDown);
  const older = view.leaving.filter((pid) => before === undefined || before.has(pid));
  const counts = own.map(({address}) => view.connections.get(remoteOf(address)));
  return {
    order: view.isLoaded ? (isDown ? 'out' : 'in') : 'moving',
    isServing: !isDown || !view.isLoaded,
    others: view.servers.filter((server) => !own.includes(server) && !server.isDown && !server.isBackup).length,
    sessions: counts.includes(undefined) ? undefined : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
    isOver: isDown && view.isLoaded && older.length === 0,
  };
}
