import {createHash} from 'node:crypto';
import {DroverError} from '../errors/drover-error.js';
import type {RolloutPlan} from '../rollout/plan.js';
import {digestPlan} from './plan-text.js';

/** The format that this drover writes, and the only one that it reads. */
export const planFormat = 1;

/** What a host must still be when the plan is carried out. `keys`: fingerprints, one of which it must show; none for this machine itself. */
export interface ExpectedHost {
  readonly epoch: number;
  readonly keys: readonly string[];
}

/**
 * A rollout as a file: to be read, signed and carried out later, by somebody else. Nothing in it is trusted but as a claim: who carries it out plans
 * anew and compares.
 */
export interface PlanFile {
  readonly 'drover-plan': number;
  /** `user@machine`, in their own words. */
  readonly author: string;
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly made: string;
  readonly expires: string;
  /** 32 hex digits; a host takes up a plan of one nonce once. */
  readonly nonce: string;
  readonly inventory: {readonly name: string; readonly digest: string};
  /** What drover.yml says of how the app goes. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly expected: Readonly<Record<string, ExpectedHost>>;
  /** Worst case. */
  readonly boundMs: number;
  /** Of a timed deploy: between one wave and the next, as it was asked for; null where it follows from the settings. */
  readonly gapMs: number | null;
  /** Without run, operator and reason. */
  readonly rollout: RolloutPlan;
  /** Digest of the rollout: the same for the same fleet and settings, on any machine and at any time. */
  readonly plan: string;
  /** SHA-256 of all of the above: what is signed. */
  readonly digest: string;
}

/** JSON with sorted keys, two spaces in: the same value gives the same bytes. */
function renderCanonical(value: object): string {
  const sorted = (_key: string, each: unknown): unknown => {
    if (each === null || typeof each !== 'object' || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return `${JSON.stringify(value, sorted, 2)}\n`;
}

function digestFile(file: object): string {
  return createHash('sha256').update(renderCanonical(file)).digest('hex');
}

export function sealPlanFile(file: Omit<PlanFile, 'plan' | 'digest'>): PlanFile {
  const whole = {...file, plan: digestPlan(file.rollout)};
  return {...whole, digest: digestFile(whole)};
}

export function renderPlanFile(file: PlanFile): string {
  return renderCanonical(file);
}

/** The bytes that approvers sign. */
export function approvalText({digest}: PlanFile): string {
  return `drover-plan sha256:${digest}\n`;
}

const keys: readonly string[] = [
  ...['drover-plan', 'author', 'reason', 'made', 'expires', 'nonce', 'inventory', 'settings', 'expected', 'boundMs', 'gapMs'],
  ...['rollout', 'plan', 'digest'],
];

/**
 * The plan file in data that was read as JSON. Throws `invalid-file` for what is no plan or one of a newer drover, `integrity` for one that was
 * changed after it was made. `name` is what the file is called.
 */
export function parsePlanFile(data: unknown, name: string): PlanFile {
  const refuse = (what: string): never => {
    throw new DroverError({
      code: 'invalid-file',
      message: `${name} is not a plan: ${what}`,
      fix: 'make one with: drover deploy --plan-out FILE',
    });
  };
  const format = isMap(data) ? data['drover-plan'] : undefined;
  if (!isMap(data) || typeof format !== 'number') return refuse('it has no "drover-plan"');
  if (format > planFormat) {
    throw new DroverError({
      code: 'invalid-file',
      message: `${name} has plan format ${format}, and this drover knows format ${planFormat}`,
      fix: 'use the drover that made it, or a newer one',
    });
  }
  const {digest, ...rest} = data;
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) return refuse('it has no digest');
  const found = digestFile(rest);
  if (found !== digest) {
    throw new DroverError({
      code: 'integrity',
      message: `${name} was changed after it was made (digest ${found.slice(0, 12)}, not ${digest.slice(0, 12)})`,
      fix: 'make a new plan',
    });
  }
  const stranger = Object.keys(data).find((key) => !keys.includes(key));
  if (stranger !== undefined) return refuse(`${JSON.stringify(stranger)} is no part of one`);
  const wrong = findMisshapen(data);
  if (wrong !== undefined) return refuse(`its ${JSON.stringify(wrong)} is missing or of the wrong kind`);
  return data as unknown as PlanFile;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isTime = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
const isId = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const isListOf =
  (isOne: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every(isOne);
const isMapOf =
  (isOne: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    isMap(value) && Object.values(value).every(isOne);

const isHost = (value: unknown): boolean =>
  isMap(value) && isText(value.name) && isText(value.silo) && isId(value.to) && (value.from === undefined || isId(value.from));
const isWave = (value: unknown): boolean => isMap(value) && isText(value.name) && isText(value.silo) && isListOf(isText)(value.hosts);
const isExpected = (value: unknown): boolean => isMap(value) && isCount(value.epoch) && isListOf(isText)(value.keys);

const isRollout = (value: unknown): boolean =>
  isMap(value) &&
  value.v === 1 &&
  (value.command === 'deploy' || value.command === 'rollback') &&
  isText(value.app) &&
  isListOf(isHost)(value.hosts) &&
  isListOf(isWave)(value.waves) &&
  isMapOf(isCount)(value.floors) &&
  isListOf(isText)(value.steps) &&
  [value.budget, value.soakMs, value.confirmMs].every(isCount) &&
  (value.snapshot === undefined || isId(value.snapshot)) &&
  (value.unsafe === undefined || isListOf(isText)(value.unsafe)) &&
  (value.at === undefined || (isMap(value.at) && isTime(value.at.time) && isCount(value.at.clockBoundMs)));

const shape: Readonly<Record<string, (value: unknown) => boolean>> = {
  ...{author: isText, reason: isText, made: isTime, expires: isTime, plan: isText, boundMs: isCount},
  nonce: (value) => typeof value === 'string' && /^[0-9a-f]{32}$/.test(value),
  inventory: (value) => isMap(value) && isText(value.name) && isText(value.digest),
  settings: isMap,
  gapMs: (value) => value === null || isCount(value),
  expected: isMapOf(isExpected),
  rollout: isRollout,
};

/** The first part that is not what it should be. What is right here may still be no plan for this fleet. */
function findMisshapen(data: Readonly<Record<string, unknown>>): string | undefined {
  const wrong = Object.entries(shape).find(([key, isRight]) => !isRight(data[key]))?.[0];
  if (wrong !== undefined) return wrong;
  const {rollout, expected} = data as unknown as PlanFile;
  const isComplete = rollout.hosts.length > 0 && rollout.hosts.every(({name}) => Object.hasOwn(expected, name));
  return isComplete ? (data.plan === digestPlan(rollout) ? undefined : 'plan') : 'expected';
}
