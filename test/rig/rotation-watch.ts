import type {Rig} from './rig.js';

/** One server of one balancer, as its HAProxy says. */
export interface Seat {
  readonly balancer: string;
  readonly backend: string;
  readonly server: string;
  /** What it was told: `ready`, `drain` or `maint`. */
  readonly order: 'ready' | 'drain' | 'maint';
  /** Told to be ready, and up by its own checks. */
  readonly serves: boolean;
}

/** Every server of every HAProxy of the rig, now. */
export async function readSeats(rig: Pick<Rig, 'hosts' | 'askBalancer'>): Promise<readonly Seat[]> {
  const balancers = rig.hosts.filter((host) => host.role === 'balancer');
  const answers = await Promise.all(
    balancers.map(async ({name}) => ({balancer: name, answer: await rig.askBalancer(name, 'show servers state')})),
  );
  return answers.flatMap(({balancer, answer}) => parseSeats(balancer, answer));
}

/** `# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state …` after a line with the format's version. */
export function parseSeats(balancer: string, answer: string): readonly Seat[] {
  return answer.split('\n').flatMap((line): Seat[] => {
    const [, backend, , server, , state, admin] = line.split(' ');
    if (line.startsWith('#') || backend === undefined || server === undefined || admin === undefined) return [];
    const bits = Number(admin);
    const order = (bits & 0b100111) !== 0 ? 'maint' : (bits & 0b011000) !== 0 ? 'drain' : 'ready';
    return [{balancer, backend, server, order, serves: order === 'ready' && state === '2'}];
  });
}

/** A moment at which a silo had fewer hosts in rotation than its floor. */
export interface BelowFloor {
  readonly at: number;
  readonly silo: string;
  readonly serving: readonly string[];
}

/** When a host left rotation and came back, in ms since 1970, as the samples saw it. */
export interface Absence {
  readonly host: string;
  readonly from: number;
  readonly to?: number;
}

export interface RotationWatch {
  readonly samples: number;
  /** Taken away by whoever has dealt with them. */
  readonly below: BelowFloor[];
  readonly absences: readonly Absence[];
  /** Ends the watch after the sample under way. Rejects where a balancer did not answer. */
  stop(): Promise<void>;
}

/**
 * Asks every balancer again and again, without a pause longer than 20 ms, how many hosts each silo has in rotation; a host counts when every
 * backend of every balancer that has it serves from it. A balancer that is being reloaded does not listen for a moment: such a
 * sample is tried again, and only ten in a row are a failure.
 */
export function watchRotation(rig: Rig, floor: number): RotationWatch {
  const below: BelowFloor[] = [];
  const absences: Absence[] = [];
  const silos = new Map(rig.hosts.filter((host) => host.role === 'web').map(({name, silo}) => [name, silo]));
  let samples = 0;
  let isOver = false;
  const note = (seats: readonly Seat[], at: number): void => {
    samples += 1;
    const out = new Set(seats.filter((seat) => !seat.serves).map((seat) => seat.server));
    for (const silo of new Set(silos.values())) {
      const serving = [...silos].filter(([host, of]) => of === silo && !out.has(host)).map(([host]) => host);
      if (serving.length < floor) below.push({at, silo, serving});
    }
    for (const [host] of silos) {
      const last = absences.findLastIndex((absence) => absence.host === host && absence.to === undefined);
      const known = absences[last];
      if (out.has(host) && known === undefined) absences.push({host, from: at});
      if (!out.has(host) && known !== undefined) absences[last] = {...known, to: at};
    }
  };
  const watching = (async () => {
    for (let failures = 0; !isOver; ) {
      try {
        const seats = await readSeats(rig);
        if (seats.length === 0) throw new Error('a balancer names no servers');
        note(seats, Date.now());
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 10) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  // Whoever stops the watch hears of it.
  watching.catch(() => undefined);
  return {
    get samples() {
      return samples;
    },
    below,
    absences,
    stop: async () => {
      isOver = true;
      await watching;
    },
  };
}
