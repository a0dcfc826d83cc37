/** A release that a host will not be given again unasked, because it was taken back. */
export interface Pin {
  readonly release: string;
  /** What it is a part of, or itself; undefined where the run did not know. */
  readonly snapshot: string | undefined;
  readonly run: string;
  /** ISO 8601, UTC, by the host's clock: for people. */
  readonly at: string;
  readonly owner: string;
  readonly why: string;
}

/** A reviewed plan that a run took up on a host. */
export interface TakenPlan {
  readonly nonce: string;
  readonly run: string;
  /** ISO 8601, UTC, by the host's clock: for people. */
  readonly at: string;
  readonly owner: string;
  /** The run gave it back without a change: from this epoch it may be taken up again. */
  readonly againFrom: number | undefined;
}

/** `RELEASE AT RUN SNAPSHOT<tab>OWNER<tab>WHY`, as `write_pin` writes it; nothing when it is anything else. */
export function parsePin(line: string): Pin[] {
  const [head = '', owner = '', ...why] = line.split('\t');
  const [release, at, run, snapshot] = head.split(' ');
  if (release === undefined || at === undefined || run === undefined || snapshot === undefined) return [];
  return [{release, at, run, owner, why: why.join(' '), snapshot: snapshot === '-' ? undefined : snapshot}];
}

/** `NONCE RUN AT EPOCH|- OWNER`, as `lease` writes it. */
export function parseTakenPlan(line: string): TakenPlan[] {
  const [nonce, run, at, again, ...owner] = line.split(' ');
  if (nonce === undefined || run === undefined || at === undefined || again === undefined) return [];
  return [{nonce, run, at, owner: owner.join(' '), againFrom: again === '-' ? undefined : Number(again)}];
}
