import {PassThrough} from 'node:stream';
import {afterEach, describe, expect, it, vi} from 'vitest';
import {inspectTerminal} from '../../src/lib/cli/terminal.js';
import {openReporter} from '../../src/lib/report/choose-reporter.js';
import {recordLargeDeploy} from '../report/recorded-run.js';

/** Pretends that the three streams are a terminal of this width, or that none is. */
function pretend(columns: number | undefined): void {
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    vi.spyOn(stream as {isTTY: boolean}, 'isTTY', 'get').mockReturnValue(columns !== undefined);
  }
  vi.spyOn(process.stdout as {columns: number}, 'columns', 'get').mockReturnValue(columns ?? 0);
}

describe('H5: what drover makes of a terminal', () => {
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    for (const name of ['isTTY', 'columns']) {
      if (!(name in stream)) Object.defineProperty(stream, name, {configurable: true, get: () => undefined});
    }
  }
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['a terminal', 120, {TERM: 'xterm'}, {mode: 'live', outColumns: 120, outColour: true, mayAsk: true}],
    ['one that does not know its size', 0, {TERM: 'xterm'}, {mode: 'live', outColumns: 80, outColour: true}],
    ['NO_COLOR', 80, {TERM: 'xterm', NO_COLOR: '1'}, {mode: 'live', outColumns: 80, outColour: false, errColour: false}],
    ['NO_COLOR beside FORCE_COLOR', 80, {NO_COLOR: '1', FORCE_COLOR: '1'}, {outColour: false, errColour: false}],
    ['an empty NO_COLOR, which says nothing', 80, {TERM: 'xterm', NO_COLOR: ''}, {outColour: true}],
    ['TERM=dumb', 80, {TERM: 'dumb'}, {mode: 'plain', outColumns: 80, outColour: false, errColour: false, mayAsk: true}],
    ['CI with a terminal', 80, {TERM: 'xterm', CI: 'true'}, {mode: 'plain', mayAsk: false}],
    ['CI=false', 80, {TERM: 'xterm', CI: 'false'}, {mode: 'live', mayAsk: true}],
    ['a pipe', undefined, {TERM: 'xterm'}, {mode: 'plain', outColumns: undefined, outColour: false, errColour: false, mayAsk: false}],
    ['a pipe and FORCE_COLOR', undefined, {FORCE_COLOR: '1'}, {mode: 'plain', outColour: true, errColour: true}],
  ] as const)('%s', (_, columns, env, expected) => {
    pretend(columns);
    expect(inspectTerminal(env)).toMatchObject(expected);
  });

  it('writes lines without any control character where it may not draw', async () => {
    pretend(undefined);
    const {mode, errColour: colour} = inspectTerminal({TERM: 'xterm'});
    const stream = new PassThrough();
    const sink = await openReporter({mode, stream, colour, columns: () => 80, now: () => 0});
    for (const event of recordLargeDeploy({turn: true})) await sink.accept(event);
    await sink.close();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
    expect(String(stream.read())).toMatch(/^(?:[^\u0000-\u001f\u007f]+\n)+$/);
  });
});
