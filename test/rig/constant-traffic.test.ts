import {appendFileSync} from 'node:fs';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {DroverEvent} from '../../src/lib/events/event.js';
import {rigAvailable} from './available.js';
import {BusySite} from './busy-site.js';
import {watchRotation} from './rotation-watch.js';
import {startTraffic} from './traffic.js';
import {type EndedSocket, openWebSockets} from './websockets.js';

const available = rigAvailable();
/** A long campaign sets all three: all of it, again until so many minutes are over, and where the figures go. */
const everything = process.env.EVERY_STEP === '1';
const untilMs = Date.now() + Number(process.env.PROOF_MINUTES ?? '0') * 60_000;
/** At least so many times all of it. */
const rounds = Number(process.env.PROOF_SEEDS || 1);
const figures = process.env.PROOF_FIGURES;

const load = everything
  ? {deploys: 10, rollbacks: 3, sockets: 200, rate: 100, hostsPerSilo: 3, floor: 2, waitMs: 5_000, closeOverMs: 2_000}
  : {deploys: 2, rollbacks: 1, sockets: 40, rate: 40, hostsPerSilo: 2, floor: 1, waitMs: 1_500, closeOverMs: 500};

/** Whether a WebSocket ended though its host was not leaving, or before the time that it has to stay. */
function wasCutEarly({at, host}: EndedSocket, events: readonly DroverEvent[]): boolean {
  const leaving = events.filter((event) => event.kind === 'step-started' && event.step === 'drain' && event.host === host);
  const began = leaving.map((event) => Date.parse(event.at)).findLast((beganAt) => beganAt <= at);
  if (began === undefined) return true;
  const isBack = events.some(
    (event) =>
      event.kind === 'step-ended' &&
      event.step === 'admit' &&
      event.host === host &&
      Date.parse(event.at) > began &&
      Date.parse(event.at) < at,
  );
  return isBack || at < began + load.waitMs;
}

describe.skipIf(!available.ok)(`constant traffic${available.ok ? '' : ` (${available.why})`}`, {timeout: 6 * 60 * 60_000}, () => {
  let site: BusySite;
  beforeAll(async () => {
    site = await BusySite.open(load);
  });
  afterAll(() => site?.rig.stop());

  it('G4 G12: fails no request and cuts no WebSocket early in deploys, rollbacks and a reload of HAProxy, above the floor all the time', async () => {
    const {rig} = site;
    const traffic = startTraffic({rig, rate: load.rate, paths: ['/', '/pages/1.html', '/pages/2.html'], forMs: 24 * 60 * 60_000});
    const sockets = openWebSockets({rig, count: load.sockets});
    const watch = watchRotation(rig, load.floor);
    await expect.poll(() => sockets.openNow(), {timeout: 120_000}).toBe(load.sockets);
    await traffic.waitFor(({status}) => status === 200, 60_000);

    const socketHosts = rig.hosts.filter(({takesSockets}) => takesSockets).map(({name}) => name);
    const sum = {deploys: 0, rollbacks: 0, reloads: 0};
    let marks = 0;
    let round = 0;
    do {
      const ids: string[] = [];
      for (let turn = 1; turn <= load.deploys; turn++) {
        marks += 1;
        ids.push(await site.snapshot(`m${marks}`));
        let reloading: Promise<void> | undefined;
        await site.drover(['deploy', '--all', '--yes', '--reason', `m${marks}`], (event) => {
          if (turn !== 2 || event.kind !== 'step-started' || event.step !== 'drain' || event.host !== socketHosts[0]) return;
          reloading ??= site.reloadBalancer();
          // Who awaits it below hears of a failure.
          reloading.catch(() => undefined);
        });
        if (reloading !== undefined) {
          await reloading;
          sum.reloads += 1;
        }
        sum.deploys += 1;
        await traffic.waitFor(({mark}) => mark === `m${marks}`, 60_000);
      }
      for (let turn = 1; turn <= load.rollbacks; turn++) {
        const to = turn === 1 ? [] : ['--to', ids.at(-1 - turn) ?? ''];
        await site.drover(['rollback', '--all', '--yes', ...to]);
        sum.rollbacks += 1;
      }
      await expect.poll(() => sockets.openNow(), {timeout: 120_000}).toBe(load.sockets);
      round += 1;
    } while (everything && (round < rounds || Date.now() < untilMs));

    const cut = sockets.ended.filter(({kind}) => kind === 'cut');
    const early = cut.filter((socket) => wasCutEarly(socket, site.events));
    const refused = sockets.ended.filter(({kind}) => kind === 'refused');
    await sockets.stop();
    await watch.stop();
    const report = await traffic.stop();
    const violations = [
      ...report.failed.map(({path, status, error, at}) => `a request failed: ${path} ${status ?? ''} ${error ?? ''} at ${at}`),
      ...report.mixed.map((what) => `two bodies came for ${what}`),
      ...early.map(({id, host, at, code}) => `WebSocket ${id} on ${host} was cut early: ${code} at ${at}`),
      ...refused.map(({id, at, code}) => `WebSocket ${id} was refused: ${code} at ${at}`),
      ...watch.below.map(({silo, serving, at}) => `silo ${silo} had only [${serving.join(' ')}] in rotation at ${at}`),
    ];
    if (figures !== undefined) {
      const {requests, retried} = report;
      const counted = {requests, retried, failed: report.failed.length, opened: sockets.opened(), sockets: load.sockets, cut: cut.length};
      const line = {
        ...sum,
        ...counted,
        early: early.length,
        refused: refused.length,
        samples: watch.samples,
        below: watch.below.length,
        violations,
      };
      appendFileSync(figures, `${JSON.stringify(line)}\n`);
    }
    expect(violations).toEqual([]);
    expect(sum.reloads).toBeGreaterThan(0);
    // Every host that has WebSockets left with some of them open.
    expect(new Set(cut.map(({host}) => host))).toEqual(new Set(socketHosts));
    expect(report.requests).toBeGreaterThan(100);
    expect(watch.samples).toBeGreaterThan(10);
  });
});
