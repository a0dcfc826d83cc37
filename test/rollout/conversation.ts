import type {MoveStep, RolloutPlan} from '../../src/lib/rollout/plan.js';
import {type Answer, type RolloutEvent, type RolloutState, startRollout} from '../../src/lib/rollout/state.js';
import {step} from '../../src/lib/rollout/step.js';
import {showEffect} from './trace.js';

type StepFailed = Extract<RolloutEvent, {kind: 'step-failed'}>;

/** Tells a run what happened and reads what it wants, as words: `drain eu-1`, `read eu`, `"wave-started"`, `END converged`. */
export class Conversation {
  state: RolloutState;
  /** Everything that the run wanted so far. */
  readonly said: string[] = [];
  private last: Answer['effects'] = [];

  constructor(readonly plan: RolloutPlan) {
    this.state = startRollout(plan);
  }

  tell(event: RolloutEvent): readonly string[] {
    const answer = step(this.state, event);
    this.state = answer.state;
    this.last = answer.effects;
    const words = answer.effects.map(showEffect);
    this.said.push(...words);
    return words;
  }

  /** Effects of the last answer. */
  get effects(): Answer['effects'] {
    return this.last;
  }

  /** Begins, and gives every lease. */
  begin(): readonly string[] {
    this.tell({kind: 'begin'});
    return this.plan.hosts.reduce((_, {name}): readonly string[] => this.tell({kind: 'leased', host: name}), [] as readonly string[]);
  }

  serve(silo: string, ...serving: readonly string[]): readonly string[] {
    return this.tell({kind: 'rotation', silo, serving});
  }

  done(host: string, step: MoveStep): readonly string[] {
    return this.tell({kind: 'step-done', host, step});
  }

  fail(host: string, step: MoveStep, more: Partial<StepFailed> = {}): readonly string[] {
    return this.tell({kind: 'step-failed', host, step, blame: 'release', code: 'unhealthy', why: `${host} is not healthy`, ...more});
  }

  /** Takes a host that is in hand through all the steps that are left, or up to and without `until`. */
  finish(host: string, until?: MoveStep): readonly string[] {
    let words: readonly string[] = [];
    for (;;) {
      const stage = this.state.hosts.get(host);
      if (stage?.kind !== 'moving' || stage.step === until) return words;
      words = this.done(host, stage.step);
    }
  }

  /** Answers every lease that was given back; the run's last words. */
  end(): readonly string[] {
    return [...this.state.leased].reduce((_, host): readonly string[] => this.tell({kind: 'released', host}), [] as readonly string[]);
  }

  /** Whether the run ever wanted this. */
  wanted(word: string): boolean {
    return this.said.includes(word);
  }
}
