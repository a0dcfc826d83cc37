import type {DroverEvent, Happening, Step} from '../../src/lib/events/event.js';

/** 2026-11-21T09:41:00Z */
export const startMs = Date.UTC(2026, 10, 21, 9, 41, 0);

/** Records happenings at moments given in milliseconds after the start. */
export function createRecorder(run = '20261121-094100-7f3a'): {readonly events: DroverEvent[]; at(ms: number, happening: Happening): void} {
  const events: DroverEvent[] = [];
  return {
    events,
    at(ms, happening) {
      events.push({v: 1, seq: events.length + 1, at: new Date(startMs + ms).toISOString(), run, ...happening});
    },
  };
}

export const snapshot = '9c21f0a4d2b7e6139c21f0a4d2b7e6139c21f0a4d2b7e6139c21f0a4d2b7e613';

/** Seven hosts in two silos, four waves; web7 cannot be reached and is debt. */
export function recordSmallDeploy(): DroverEvent[] {
  const {events, at} = createRecorder();
  const waves = [
    {name: 'eu 1', silo: 'eu', hosts: ['web1']},
    {name: 'eu 100%', silo: 'eu', hosts: ['web2', 'web3']},
    {name: 'us 1', silo: 'us', hosts: ['web4']},
    {name: 'us 100%', silo: 'us', hosts: ['web5', 'web6', 'web7']},
  ];
  at(0, {kind: 'run-started', command: 'deploy', app: 'content', snapshot, operator: 'ana', hosts: 7, reason: 'weekly release'});
  for (const host of waves.flatMap(({hosts}) => hosts)) {
    at(20, {kind: 'step-started', host, step: 'connect'});
    at(host === 'web7' ? 700 : 300, {
      kind: 'step-ended',
      host,
      step: 'connect',
      outcome: host === 'web7' ? 'failed' : 'done',
      ms: 280,
      ...(host === 'web7' ? {detail: 'connection refused'} : {}),
    });
  }
  events.sort((one, other) => one.at.localeCompare(other.at) || one.seq - other.seq);
  for (const [index, event] of events.entries()) Object.assign(event, {seq: index + 1});
  at(750, {kind: 'warning', host: 'web7', message: 'left out: connection refused'});
  at(800, {kind: 'planned', digest: 'abcdef0123456789', waves, boundMs: 185_000});
  at(900, {kind: 'delta-built', snapshot, files: 12, bytes: 524_288, hosts: 6});
  let ms = 1000;
  waves.forEach((wave, index) => {
    at(ms, {kind: 'wave-started', wave: wave.name, index: index + 1, of: waves.length, hosts: wave.hosts});
    const begun = ms;
    for (const host of wave.hosts) {
      if (host === 'web7') {
        at(ms, {kind: 'host-ended', host, outcome: 'skipped', code: 'unreachable', why: 'connection refused'});
        continue;
      }
      for (const [step, took] of [
        ['stage', 600],
        ['drain', 300],
        ['switch', 200],
        ['health', 900],
        ['admit', 250],
        ['confirm', 100],
      ] as const) {
        at(ms, {kind: 'step-started', host, step});
        if (step === 'stage') at(ms + took / 2, {kind: 'transfer', host, sentBytes: 524_288, totalBytes: 524_288});
        if (step === 'health' && host === 'web3')
          at(ms + 400, {kind: 'retrying', host, step, attempt: 2, of: 5, waitMs: 300, why: 'status 503'});
        at(ms + took, {kind: 'step-ended', host, step, outcome: 'done', ms: took});
        ms += took;
      }
      at(ms, {kind: 'host-ended', host, outcome: 'done', release: snapshot});
    }
    at(ms + 200, {kind: 'wave-ended', wave: wave.name, outcome: 'passed', ms: ms + 200 - begun});
    ms += 200;
  });
  at(ms + 50, {kind: 'run-ended', outcome: 'needs-attention', exit: 8, ms: ms + 50, next: 'drover resume 20261121-094100-7f3a'});
  return events;
}

const largeSteps: readonly (readonly [Step, number])[] = [
  ['stage', 4000],
  ['drain', 2500],
  ['switch', 200],
  ['restart', 900],
  ['health', 3000],
  ['warm', 6000],
  ['admit', 700],
  ['confirm', 150],
];

/**
 * 400 hosts in four silos, waves of 5, 25 % and the rest, 32 at a time. Every 67th host fails its health check and is
 * reverted; `turn` makes the third silo lose a wave and the run turn round.
 */
export function recordLargeDeploy({turn = false} = {}): DroverEvent[] {
  const {events, at} = createRecorder();
  const silos = ['eu', 'us', 'ap', 'sa'];
  const nameHost = (silo: string, index: number): string => `web${String(index + 1).padStart(3, '0')}.${silo}.example.com`;
  const waves = silos.flatMap((silo) => {
    const hosts = Array.from({length: 100}, (_, index) => nameHost(silo, index));
    return [
      {name: `${silo} 5`, silo, hosts: hosts.slice(0, 5)},
      {name: `${silo} 25%`, silo, hosts: hosts.slice(5, 25)},
      {name: `${silo} 100%`, silo, hosts: hosts.slice(25)},
    ];
  });
  at(0, {kind: 'run-started', command: 'deploy', app: 'code', snapshot, operator: 'ana', hosts: 400});
  waves
    .flatMap(({hosts}) => hosts)
    .forEach((host, index) => {
      at(index * 5, {kind: 'step-started', host, step: 'read-state'});
      at(index * 5 + 400, {kind: 'step-ended', host, step: 'read-state', outcome: 'done', ms: 400});
    });
  at(2500, {kind: 'planned', digest: 'abcdef0123456789', waves, boundMs: 3_600_000});
  at(2600, {kind: 'delta-built', snapshot, files: 230, bytes: 8_388_608, hosts: 400});
  let waveMs = 3000;
  let counter = 0;
  for (const [index, wave] of waves.entries()) {
    at(waveMs, {kind: 'wave-started', wave: wave.name, index: index + 1, of: waves.length, hosts: wave.hosts});
    const lanes = Array.from({length: 32}, () => waveMs);
    const lost = turn && wave.name === 'ap 25%';
    for (const host of wave.hosts) {
      counter++;
      const lane = lanes.indexOf(Math.min(...lanes));
      let ms = lanes[lane] ?? waveMs;
      const bad = counter % 67 === 0 || (lost && counter % 2 === 0);
      for (const [step, base] of largeSteps) {
        const took = Math.round(base * (0.7 + ((counter * 37) % 60) / 100));
        at(ms, {kind: 'step-started', host, step});
        if (step === 'stage')
          for (const part of [1, 2, 3, 4])
            at(ms + (took * part) / 4, {kind: 'transfer', host, sentBytes: part * 2_097_152, totalBytes: 8_388_608});
        ms += took;
        if (step === 'health' && bad) {
          at(ms, {kind: 'step-ended', host, step, outcome: 'failed', ms: took, detail: 'status 503, expected 200'});
          at(ms, {kind: 'step-started', host, step: 'revert'});
          at(ms + 400, {kind: 'step-ended', host, step: 'revert', outcome: 'done', ms: 400});
          ms += 400;
          break;
        }
        at(ms, {kind: 'step-ended', host, step, outcome: 'done', ms: took});
      }
      at(
        ms,
        bad
          ? {kind: 'host-ended', host, outcome: 'reverted', release: '17e4c02', code: 'unhealthy', why: 'status 503'}
          : {kind: 'host-ended', host, outcome: 'done', release: snapshot},
      );
      lanes[lane] = ms + 50;
    }
    const endMs = Math.max(...lanes) + 2000;
    at(endMs, {
      kind: 'wave-ended',
      wave: wave.name,
      outcome: lost ? 'failed' : 'passed',
      ms: endMs - waveMs,
      ...(lost ? {why: 'budget of 1 spent'} : {}),
    });
    waveMs = endMs + 100;
    if (!lost) continue;
    const back = wave.hosts.filter((_, position) => position % 2 === 0);
    at(waveMs, {kind: 'rolling-back', hosts: back, why: 'wave ap 25% failed: budget of 1 spent'});
    for (const host of back) {
      at(waveMs + 100, {kind: 'step-started', host, step: 'revert'});
      at(waveMs + 900, {kind: 'step-ended', host, step: 'revert', outcome: 'done', ms: 800});
      at(waveMs + 950, {kind: 'host-ended', host, outcome: 'reverted', release: '17e4c02'});
    }
    waveMs += 1200;
    break;
  }
  at(
    waveMs,
    turn
      ? {kind: 'run-ended', outcome: 'needs-attention', exit: 8, ms: waveMs, next: 'drover resume 20261121-094100-7f3a'}
      : {kind: 'run-ended', outcome: 'converged', exit: 0, ms: waveMs},
  );
  events.sort((one, other) => one.at.localeCompare(other.at) || one.seq - other.seq);
  return events.map((event, index) => ({...event, seq: index + 1}));
}
