import type {Socket} from 'node:net';
import {type AdminState, initialWeight, type PoolServer} from './pool-server.js';
import {formatServersState} from './show-servers-state.js';
import {formatStats, type StatSource} from './show-stat.js';

export interface RuntimeWorld extends StatSource {
  readonly uptimeSeconds: () => number;
}

const maxRequestBytes = 16_384;
const allTypes = 7;
const maxWeight = 256;
const usage = [
  "  set server <bk>/<srv> [opts]            : change a server's state, weight, address or ssl",
  '  show info [desc|json|typed|float]*      : report information about the running process',
  '  show servers state [<backend>]          : dump volatile server information (all or for a single backend)',
  '  show stat [desc|json|no-maint|typed|up]*: report counters for each proxy and server',
  '  shutdown sessions server <bk>/<srv>     : kill sessions on a server',
];

/**
 * One connection to the runtime API, non-interactive as socat uses it: one line of commands separated by `;`, each
 * answered in turn and followed by an empty line, then the connection is closed. A line that is never ended gets no answer.
 */
export function answerRuntimeCommands(socket: Socket, world: RuntimeWorld): void {
  let line = '';
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.on('data', (text: string) => {
    if (socket.writableEnded) return;
    line += text;
    const end = line.indexOf('\n');
    if (end === -1 && line.length <= maxRequestBytes) return;
    const commands = end === -1 ? [] : line.slice(0, end).split(';');
    socket.end(commands.map((command) => `${runCommand(command.trim(), world)}\n`).join(''));
  });
}

/** The answer without the empty line that follows each; an accepted change answers nothing. */
function runCommand(command: string, world: RuntimeWorld): string {
  const [verb, object, ...args] = command.split(/\s+/);
  switch (`${verb} ${object ?? ''}`) {
    case 'show stat':
      return showStat(args, world);
    case 'show info':
      return showInfo(world);
    case 'show table':
      return '';
    case 'show cli':
      if (args[0] === 'level') return 'admin\n';
      break;
    case 'show servers':
      if (args[0] === 'state') return showServersState(args[1], world);
      break;
    case 'set server':
      return setServer(args, world);
    case 'shutdown sessions':
      if (args[0] === 'server') return withServer(args[1] ?? '', world, cutSessions);
      break;
  }
  return `Unknown command: '${verb}', but maybe one of the following ones is a better match:\n${usage.join('\n')}\n`;
}

/** `show stat [<proxy> <type> <sid>]`: without arguments everything. */
function showStat([proxy, type = '-1', sid = '-1']: readonly string[], world: RuntimeWorld): string {
  const types = type === '-1' ? allTypes : Number(type);
  if (proxy === undefined || proxy === '-1') return formatStats(world, types);
  if (proxy === 'http') return formatStats(world, types & 1);
  if (proxy !== world.backend && proxy !== '3') return 'No such proxy.\n';
  const servers = sid === '-1' ? world.servers : world.servers.filter((_, index) => String(index + 1) === sid);
  return formatStats({...world, servers}, types & ~1);
}

function showInfo({servers, frontend, uptimeSeconds}: RuntimeWorld): string {
  const facts = {
    Name: 'HAProxy',
    Version: '2.6.12-lab',
    Nbthread: 1,
    Nbproc: 1,
    Process_num: 1,
    Pid: process.pid,
    Uptime_sec: uptimeSeconds(),
    CurrConns: frontend.current,
    CumConns: frontend.total,
    CumReq: frontend.total,
    Run_queue: 0,
    Tasks: servers.length,
    Stopping: 0,
    node: 'lb1',
  };
  return Object.entries(facts)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

function showServersState(backend: string | undefined, world: RuntimeWorld): string {
  if (backend !== undefined && backend !== world.backend) return "Can't find backend.\n";
  return formatServersState({backend: world.backend, servers: world.servers, initialWeight});
}

function setServer([target = '', property, value = '']: readonly string[], world: RuntimeWorld): string {
  return withServer(target, world, (server) => {
    if (property === 'state') return setState(server, value);
    if (property === 'weight') return setWeight(server, value);
    return 'usage: set server <backend>/<server> state | weight\n';
  });
}

function setState(server: PoolServer, value: string): string {
  if (!isAdminState(value)) return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n";
  server.setAdmin(value);
  return '';
}

function isAdminState(value: string): value is AdminState {
  return value === 'ready' || value === 'drain' || value === 'maint';
}

/** `N` from 0 to 256, or `N%` of the initial weight. */
function setWeight(server: PoolServer, value: string): string {
  const [, digits, percent] = /^(-?\d+)(%?)$/.exec(value) ?? [];
  if (digits === undefined) return value === '' ? 'Require <weight> or <weight%>.\n' : 'Trailing garbage in weight string.\n';
  const number = Number(digits);
  if (percent === '%') {
    if (number < 0) return 'Relative weight must be positive.\n';
    server.setWeight(Math.min(maxWeight, Math.floor((initialWeight * number) / 100)));
    return '';
  }
  if (number < 0 || number > maxWeight) return 'Absolute weight can only be between 0 and 256 inclusive.\n';
  server.setWeight(number);
  return '';
}

function cutSessions(server: PoolServer): string {
  server.cutSessions();
  return '';
}

function withServer(target: string, world: RuntimeWorld, change: (server: PoolServer) => string): string {
  const slash = target.indexOf('/');
  if (slash === -1) return "Require 'backend/server'.\n";
  if (target.slice(0, slash) !== world.backend) return 'No such backend.\n';
  const server = world.servers.find(({name}) => name === target.slice(slash + 1));
  if (server === undefined) return 'No such server.\n';
  return change(server);
}
