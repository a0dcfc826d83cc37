import type {Answer, RolloutEvent} from '../../src/lib/rollout/state.js';
import type {Referee} from './referee.js';

/** Waves of a timed plan begin together when they have one time. */
export function goesWithOpen(referee: Referee, name: string): boolean {
  const offset = (wave: string): number | undefined => referee.plan.waves.find((each) => each.name === wave)?.offsetMs;
  return (
    referee.openWaves.size === 0 || (referee.plan.at !== undefined && [...referee.openWaves].every((wave) => offset(wave) === offset(name)))
  );
}

/**
 * A timed run turns round when it was stopped before the hosts of the waves under way were asked to switch, and when a wave ended of which
 * no host arrived.
 */
export function mayTurn(referee: Referee): boolean {
  const waves = referee.plan.waves.filter(({name}) => referee.lastOpen.has(name));
  const hasSwitched = waves.some(({hosts}) => hosts.some((host) => referee.issued.has(`forward switch of ${host}`)));
  if (!hasSwitched) return referee.stopped !== undefined;
  return referee.inHand.size === 0 && waves.some(({hosts}) => !hosts.some((host) => referee.arrived.has(host)));
}

/** A timed wave of which not every host may be taken out is given up whole. */
export function judgeShortage(
  referee: Referee,
  silo: string,
  {view, answer}: {readonly view: ReadonlySet<string>; readonly answer: Answer},
): void {
  if (referee.plan.at === undefined || referee.stopped !== undefined || referee.turned) return;
  const members = referee.plan.waves
    .filter((wave) => referee.openWaves.has(wave.name) && wave.silo === silo)
    .flatMap(({hosts}) => hosts)
    .filter((host) => !referee.arrived.has(host));
  const left = [...view].filter((host) => !members.includes(host)).length;
  if (left >= (referee.plan.floors[silo] ?? 0) || !members.some((host) => view.has(host))) return;
  referee.rule(
    !answer.effects.some(({kind}) => kind === 'step'),
    `${left} hosts of ${silo} would be left, too few for its floor: none is taken out`,
  );
  referee.stopped = 'floor';
}

/** The hosts of a timed wave are let go in one answer, once all of them stand ready. */
export function judgeTogether(referee: Referee, event: RolloutEvent, answer: Answer): void {
  if (referee.plan.at === undefined) return;
  const switching = answer.effects.flatMap((effect) => (effect.kind === 'step' && effect.step === 'switch' ? [effect.host] : []));
  if (switching.length === 0) return;
  referee.rule(event.kind === 'time-come' && event.moment === 'switch', 'hosts switch when their time has come');
  const members = referee.plan.waves.filter(({name}) => referee.openWaves.has(name)).flatMap(({hosts}) => hosts);
  referee.rule(
    members.every((host) => switching.includes(host) || (referee.arrived.has(host) && !referee.issued.has(`forward arm of ${host}`))),
    `${members.length} hosts have one time, ${switching.length} of them switch`,
  );
  for (const host of switching) referee.rule(referee.armed.has(host), `${host} stands ready before it switches`);
}
