import type {MoveStep, RolloutPlan} from './plan.js';
import {stepsBack} from './plan.js';
import type {Answer, Effect, HostStage, RolloutEvent, RolloutState} from './state.js';

/** Looks at the floor this often before a run gives up waiting for it. */
const maxPatience = 24;
const floorPauseMs = 5000;

/** A host finished a step: the next one follows, unless the run has turned round. */
export function moveOn(state: RolloutState, event: Extract<RolloutEvent, {kind: 'step-done'}>): Answer {
  const stage = state.hosts.get(event.host);
  if (stage?.kind !== 'moving' || stage.step !== event.step) return {state, effects: []};
  const skipRestart = stage.skipRestart === true || event.restarted === true;
  const turned = stage.direction === 'forward' && state.phase === 'reverting';
  const next = turned ? undefined : nextStep(stepsOf(state.plan, stage.direction), event.step, skipRestart);
  if (next !== undefined) {
    const moving: HostStage = {...stage, step: next, skipRestart};
    return {state: withHost(state, event.host, moving), effects: [{kind: 'step', host: event.host, step: next, direction: stage.direction}]};
  }
  if (turned) {
    const why = state.stop?.why ?? 'the run turned round';
    return {state: withHost(state, event.host, {kind: 'failed', why, code: state.stop?.code ?? 'refused'}), effects: []};
  }
  const ended: HostStage = stage.direction === 'forward' ? {kind: 'done'} : {kind: 'reverted'};
  return askAgain(withHost(state, event.host, ended), siloOf(state.plan, event.host));
}

function nextStep(steps: readonly MoveStep[], after: MoveStep, skipRestart: boolean): MoveStep | undefined {
  const rest = steps.slice(steps.indexOf(after) + 1);
  return rest.find((step) => !(step === 'restart' && skipRestart));
}

/** The balancers answered: start every waiting host of the silo that the floor allows. Hosts that serve nobody cost nothing. */
export function requestMoves(state: RolloutState, silo: string, serving: readonly string[]): Answer {
  const asked = new Set(state.asked);
  asked.delete(silo);
  const answered: RolloutState = {...state, asked};
  const direction = state.phase === 'reverting' ? 'back' : 'forward';
  if (state.phase !== 'reverting' && (state.phase !== 'rolling' || state.stop !== undefined)) return {state: answered, effects: []};
  const waiting = waitingHosts(answered, silo);
  if (waiting.length === 0) return {state: answered, effects: []};
  const inRotation = new Set(serving);
  const leaving = state.plan.hosts.filter(({name}) => inRotation.has(name) && isLeaving(state.hosts.get(name))).length;
  let free = inRotation.size - leaving - (state.plan.floors[silo] ?? 0);
  const starting: string[] = [];
  for (const host of [...waiting].sort((a, b) => Number(inRotation.has(a)) - Number(inRotation.has(b)))) {
    if (inRotation.has(host)) {
      if (free <= 0) continue;
      free--;
    }
    starting.push(host);
  }
  if (starting.length === 0) {
    const floor = state.plan.floors[silo] ?? 0;
    return waitForFloor(answered, silo, `silo ${silo} has ${inRotation.size} hosts in rotation and its floor is ${floor}: none may be taken out`);
  }
  const first = stepsOf(state.plan, direction)[0];
  if (first === undefined) return {state: answered, effects: []};
  const hosts = new Map(state.hosts);
  for (const host of starting) hosts.set(host, {kind: 'moving', direction, step: first});
  const patience = new Map(state.patience);
  patience.delete(silo);
  return {state: {...answered, hosts, patience}, effects: starting.map((host): Effect => ({kind: 'step', host, step: first, direction}))};
}

/** Nothing may be taken out now. Hosts of ours in flight will come back; otherwise ask again for a while, then give up. */
export function waitForFloor(state: RolloutState, silo: string, why: string): Answer {
  if (state.plan.hosts.some((host) => host.silo === silo && state.hosts.get(host.name)?.kind === 'moving')) return {state, effects: []};
  const tries = (state.patience.get(silo) ?? 0) + 1;
  const untouched = ![...state.hosts.values()].some((stage) => stage.kind === 'done' || stage.kind === 'moving' || (stage.kind === 'lost' && stage.touched));
  if (state.phase !== 'reverting' && untouched) return {state: {...state, stop: {kind: 'floor', why, code: 'refused'}}, effects: []};
  if (tries > maxPatience) {
    if (state.phase !== 'reverting') return {state: {...state, stop: {kind: 'floor', why, code: 'needs-attention'}}, effects: []};
    const hosts = new Map(state.hosts);
    for (const host of waitingHosts(state, silo)) hosts.set(host, {kind: 'stuck', why, code: 'needs-attention'});
    return {state: {...state, hosts}, effects: []};
  }
  const patience = new Map(state.patience).set(silo, tries);
  const asked = new Set(state.asked).add(silo);
  const warning: Effect = {kind: 'announce', happening: {kind: 'warning', message: `${why}; looking again in ${floorPauseMs / 1000} s`}};
  return {state: {...state, patience, asked}, effects: [...(tries === 1 ? [warning] : []), {kind: 'read-rotation', silo, afterMs: floorPauseMs}]};
}

/** Asks the balancers for a silo that still has hosts to move, once at a time. */
export function askAgain(state: RolloutState, silo: string): Answer {
  if (state.asked.has(silo) || waitingHosts(state, silo).length === 0) return {state, effects: []};
  if (state.phase !== 'reverting' && (state.phase !== 'rolling' || state.stop !== undefined)) return {state, effects: []};
  return {state: {...state, asked: new Set(state.asked).add(silo)}, effects: [{kind: 'read-rotation', silo, afterMs: 0}]};
}

/** Hosts of a silo that should move and have not started: of this wave on the way forward, all that this run touched on the way back. */
export function waitingHosts(state: RolloutState, silo: string): readonly string[] {
  if (state.phase === 'reverting') {
    return state.plan.hosts.filter((host) => host.silo === silo && mustGoBack(state.hosts.get(host.name))).map((host) => host.name);
  }
  const wave = state.plan.waves[state.wave];
  if (wave === undefined || wave.silo !== silo) return [];
  return wave.hosts.filter((name) => state.hosts.get(name)?.kind === 'ready');
}

function mustGoBack(stage: HostStage | undefined): boolean {
  return stage?.kind === 'done' || stage?.kind === 'failed' || (stage?.kind === 'lost' && stage.touched);
}

/** Still counted by the balancers, but on its way out. */
function isLeaving(stage: HostStage | undefined): boolean {
  return stage?.kind === 'moving' && stage.step !== 'admit' && stage.step !== 'confirm';
}

function stepsOf(plan: RolloutPlan, direction: 'forward' | 'back'): readonly MoveStep[] {
  return direction === 'forward' ? plan.steps : stepsBack(plan.steps);
}

export function siloOf(plan: RolloutPlan, name: string): string {
  return plan.hosts.find((host) => host.name === name)?.silo ?? '';
}

function withHost(state: RolloutState, host: string, stage: HostStage): RolloutState {
  return {...state, hosts: new Map(state.hosts).set(host, stage)};
}
