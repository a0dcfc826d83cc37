import {isIPv4} from 'node:net';
import {NamePatterns} from './name-patterns.js';
import {WorkSlices} from './work-slices.js';

/** The lines between one `Host` or `Match` and the next. */
interface Block {
  /** Everything but HostName, as it is written. */
  text: string;
  readonly hostNames: string[];
  /** A setting in it may differ from host to host by itself. */
  varies: boolean;
}

/** What ssh_config says of one host, as far as it can be told without ssh. */
export interface ConfigGroup {
  /** Hosts with the same text get the same answer from ssh, but for the host name. */
  readonly text: string;
  /** Where ssh would connect. */
  readonly hostname: string;
}

/** Settings in which % tokens change nothing that is read from ssh's answer. */
const tokensAllowed = new Set(['controlpath', 'proxycommand', 'localcommand', 'remotecommand']);

/** Read only as far as it takes to tell which hosts it cannot tell apart. What it means is for ssh to say. */
export class SshConfig {
  /** True where a line may speak of algorithms. */
  readonly namesAlgorithms: boolean;
  private readonly blocks: Block[] = [];
  private readonly always: number[] = [];
  private readonly byName = new NamePatterns(new WorkSlices());
  private fits = true;

  /** `texts` are the files that ssh read. */
  constructor(texts: readonly string[]) {
    this.namesAlgorithms = texts.some((text) => /ciphers|macs|kexalgorithms|hostkeyalgorithms/i.test(text));
    for (const text of texts) this.readFile(text);
  }

  /** Undefined where ssh alone can tell. `address` is what the inventory says in place of HostName. */
  async groupOf(name: string, address: string | undefined): Promise<ConfigGroup | undefined> {
    if (!this.fits) return undefined;
    const matched = await this.blocksOf(name);
    const hostNames = new Set(address === undefined ? matched.flatMap((block) => block.hostNames) : [address]);
    const [hostname = name] = hostNames;
    if (hostNames.size > 1 || !isSettled(hostname) || name !== name.toLowerCase()) return undefined;
    // Once it knows where to connect, ssh may read everything again under that name.
    const again = hostname === name ? matched : await this.blocksOf(hostname);
    if ([...matched, ...again].some((block) => block.varies)) return undefined;
    if (address === undefined && again.some((block) => block.hostNames.some((each) => each !== hostname))) return undefined;
    return {text: JSON.stringify([matched, again].map((blocks) => blocks.map((block) => block.text).join(''))), hostname};
  }

  private async blocksOf(name: string): Promise<Block[]> {
    const indexes = new Set([...this.always, ...(await this.byName.find(name))]);
    return this.blocks.filter((_, index) => indexes.has(index));
  }

  private readFile(text: string): void {
    if (text.includes('\0')) this.fits = false;
    let under: 'nothing' | 'host' | 'match' = 'nothing';
    let block = this.begin(undefined);
    for (const raw of text.split('\n')) {
      const line = raw.replace(/^[ \t\r]+|[ \t\r\f]+$/g, '');
      if (line === '' || line.startsWith('#')) continue;
      const [, keyword = '', value = ''] = /^([A-Za-z0-9]+)(?:[ \t]*=[ \t]*|[ \t]+)(.*)$/.exec(line) ?? [];
      switch (keyword.toLowerCase()) {
        case 'host':
          under = 'host';
          block = this.begin(value);
          break;
        case 'match':
          // These hold for all hosts alike.
          this.fits &&= /^(all|final|canonical)([ \t]+(all|final|canonical))*$/i.test(value);
          under = 'match';
          block = this.begin(undefined);
          break;
        case 'include':
          this.fits &&= under !== 'host' && !/[%$]/.test(value);
          break;
        case 'canonicalizehostname':
          this.fits &&= value.toLowerCase() === 'no';
          break;
        case 'canonicalizepermittedcnames':
        case '':
          this.fits = false;
          break;
        case 'hostname':
          block.hostNames.push(value);
          block.varies ||= under === 'match';
          break;
        default:
          block.text += `${line}\n`;
          block.varies ||= value.includes('%') && !tokensAllowed.has(keyword.toLowerCase());
      }
    }
  }

  private begin(patterns: string | undefined): Block {
    const block: Block = {text: '', hostNames: [], varies: false};
    const index = this.blocks.push(block) - 1;
    // ssh minds the case of letters here; names with capitals are left to it.
    if (patterns === undefined) this.always.push(index);
    else if (/^[a-z0-9._*?!: \t-]+$/.test(patterns)) this.byName.add(patterns.split(/[ \t]+/).join(','), index);
    else this.fits = false;
    return block;
  }
}

/** A name that ssh takes as it is, or an address in the one way it is written: ssh would write `127.1` out. */
function isSettled(name: string): boolean {
  if (/^\d[\da-fx.]*$/.test(name)) return isIPv4(name);
  return /^[a-z0-9][a-z0-9._-]*$/.test(name);
}
