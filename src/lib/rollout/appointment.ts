import {isChanged} from './host-stage.js';
import {type MoveStep, openWaves, type RolloutPlan} from './plan.js';
import {goBack} from './revert.js';
import {askRotation, waitingHosts} from './rotation.js';
import {type Answer, type Effect, joinAnswers, type RolloutEvent, type RolloutState, setStage} from './state.js';

/** The step that the hosts of a timed wave take together. */
export function isTimed(plan: RolloutPlan, step: MoveStep): boolean {
  return plan.at !== undefined && step === 'switch';
}

/** A step of a timed deploy that comes before anything is switched: as long as one host may fail in it, none has switched. */
export function isBeforeTime(plan: RolloutPlan, step: MoveStep): boolean {
  return plan.at !== undefined && plan.steps.indexOf(step) < plan.steps.indexOf('switch');
}

/** The waves begin: their hosts are asked for at the balancers. */
export function startWaves(state: RolloutState): Answer {
  const waves = openWaves(state);
  const rolling: RolloutState = {...state, phase: 'rolling'};
  const started = waves.map(
    (wave): Effect => ({
      kind: 'announce',
      happening: {
        kind: 'wave-started',
        wave: wave.name,
        index: state.plan.waves.indexOf(wave) + 1,
        of: state.plan.waves.length,
        hosts: wave.hosts,
      },
    }),
  );
  return waves.reduce((answer: Answer, wave) => joinAnswers(answer, askRotation(answer.state, wave.silo)), {
    state: rolling,
    effects: started,
  });
}

/** The time came that the run waited for: to open its waves, or to let their hosts go, all in one answer. */
export function meetTime(state: RolloutState, moment: 'open' | 'switch'): Answer {
  if (moment === 'open') return state.phase === 'waiting' ? startWaves(state) : {state, effects: []};
  if (state.phase !== 'rolling' || state.stop !== undefined || state.isDue !== true) return {state, effects: []};
  return heldHosts(state).reduce(
    (answer: Answer, host): Answer => ({
      state: letGo(answer.state, host),
      effects: [...answer.effects, {kind: 'step', host, step: 'switch', direction: 'forward'}],
    }),
    {state: {...state, isDue: false}, effects: []},
  );
}

function letGo(state: RolloutState, host: string): RolloutState {
  const stage = state.hosts.get(host);
  return stage?.kind === 'moving' ? setStage(state, host, {...stage, held: false}) : state;
}

/** Nothing is switched after its time that was to be switched at it. */
export function missTime(state: RolloutState, why: string): Answer {
  if (state.phase !== 'waiting' || state.stop !== undefined) return {state, effects: []};
  return {state: {...state, stop: {kind: 'late', why, code: 'refused'}}, effects: []};
}

/** Another run took a host while this one waited: nobody switches. */
export function loseLease(state: RolloutState, {host, why}: Extract<RolloutEvent, {kind: 'lease-lost'}>): Answer {
  const stage = state.hosts.get(host);
  if (state.phase !== 'waiting' || state.stop !== undefined || stage === undefined || !state.leased.has(host)) return {state, effects: []};
  const leased = new Set([...state.leased].filter((name) => name !== host));
  const lost = isChanged(stage)
    ? ({kind: 'stuck', why, code: 'leased'} as const)
    : ({kind: 'lost', why, code: 'leased', touched: false} as const);
  return {state: setStage({...state, leased, stop: {kind: 'fenced', why, code: 'leased'}}, host, lost), effects: []};
}

/** The floor does not let all hosts of a timed wave go: then none goes. */
export function isShort(state: RolloutState, silo: string, starts: readonly string[]): boolean {
  return state.plan.at !== undefined && state.phase === 'rolling' && starts.length < waitingHosts(state, silo).length;
}

export function stopShort(state: RolloutState, why: string): Answer {
  if (state.stop !== undefined) return {state, effects: []};
  const code = [...state.hosts.values()].some(isChanged) ? 'needs-attention' : 'refused';
  return {state: {...state, stop: {kind: 'floor', why, code}}, effects: []};
}

/**
 * Hosts that stand ready. Once no host of their waves is missing their time is asked for; when the run has stopped they are sent back
 * instead, having switched nothing.
 */
export function settleHeld(answer: Answer): Answer {
  const {state} = answer;
  const held = heldHosts(state);
  if (held.length === 0) return answer;
  if (state.stop !== undefined) {
    const {why, code} = state.stop;
    const failed = held.reduce((next, host) => setStage(next, host, {kind: 'failed', why, code}), state);
    if (state.phase !== 'reverting') return joinAnswers(answer, goBack(failed, why));
    const silos = new Set(state.plan.hosts.filter(({name}) => held.includes(name)).map(({silo}) => silo));
    return [...silos].reduce((next: Answer, silo) => joinAnswers(next, askRotation(next.state, silo)), {...answer, state: failed});
  }
  const isMissing = openWaves(state).some(({hosts}) => hosts.some((host) => isOnItsWay(state, host)));
  if (isMissing || state.isDue === true) return answer;
  const offsetMs = state.plan.waves[state.wave]?.offsetMs ?? 0;
  return joinAnswers(answer, {state: {...state, isDue: true}, effects: [{kind: 'await-time', moment: 'switch', offsetMs}]});
}

function isOnItsWay(state: RolloutState, host: string): boolean {
  const stage = state.hosts.get(host);
  return stage?.kind === 'ready' || (stage?.kind === 'moving' && stage.held !== true);
}

function heldHosts(state: RolloutState): readonly string[] {
  return state.plan.hosts
    .map(({name}) => name)
    .filter((name) => {
      const stage = state.hosts.get(name);
      return stage?.kind === 'moving' && stage.held === true;
    });
}
