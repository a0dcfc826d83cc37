import {DroverError} from '../errors/drover-error.js';
import {printable} from '../errors/printable.js';
import {cacheHeaders} from './cache-verdict.js';
import {runRemoteProgram} from './remote-program.js';
import {requestTimeoutMs, type WarmBatch, type WarmSample, warmHeaders} from './warm-fetch.js';

const noCurlStatus = 3;

/**
 * Lanes that run beside each other, each asking for its share of the paths one after the other. A lane begins a request no sooner
 * than `gap` after it began the one before, and the lanes begin `step` apart, so that the rate holds without options of
 * newer curls (--rate, --parallel). One line per answer, shorter than a pipe's atomic write.
 */
const program = `
lane() {
  printf '%s' "$share" | while IFS= read -r line; do
    [ "$(date +%s)" -le "$end" ] || break
    { sleep "$gap" || sleep 1; } </dev/null >/dev/null 2>&1 &
    pacer=$!
    printf '%surl = "http://%s:%s%s"\\n' "$config" "$address" "$port" "\${line#* }" | curl -q -K - 2>&1 |
      awk -v number="\${line%% *}" '
        {sub(/\\r$/, "")}
        tolower($0) ~ /^(drover |curl: |${cacheHeaders.join(':|')}:)/ {text = text "\\t" substr($0, 1, 300)}
        END {print number text}'
    wait "$pacer"
  done
}
main() {
  command -v curl >/dev/null 2>&1 || return ${noCurlStatus}
  LC_ALL=C
  export LC_ALL
  address=\${DROVER_LOCAL_ADDRESS:-127.0.0.1}
  case $address in *:*) address="[$address]" ;; esac
  end=$(($(date +%s) + seconds))
  config='' number=0
  while IFS= read -r line && [ -n "$line" ]; do config="$config$line
"; done
  while IFS= read -r line; do
    eval "share_$((number % lanes))=\\"\\\${share_$((number % lanes)):-}\\$number \\$line
\\""
    number=$((number + 1))
  done
  number=0
  while [ "$number" -lt "$lanes" ]; do
    eval "share=\\\${share_$number:-}"
    lane &
    number=$((number + 1))
    [ "$number" -eq "$lanes" ] || sleep "$step" 2>/dev/null || sleep 1
  done
  wait
}
`;

/**
 * Asks with the host's own curl, straight to the host's own port. Gives a sample for each path that was asked within the budget,
 * in any order; undefined when the host has no curl. Throws when the reply is lost.
 */
export async function fetchWithCurl(batch: WarmBatch): Promise<readonly WarmSample[] | undefined> {
  const {link, settings, paths, ratePerSecond, budgetMs, signal} = batch;
  const lanes = Math.max(1, Math.min(batch.concurrency, paths.length));
  const reply = await runRemoteProgram({
    link,
    label: `warm ${paths.length} URLs with curl`,
    program,
    values: {
      port: String(settings.port),
      lanes: String(lanes),
      gap: (lanes / ratePerSecond).toFixed(3),
      step: (1 / ratePerSecond).toFixed(3),
      seconds: String(Math.max(1, Math.ceil(budgetMs / 1000))),
    },
    payload: `${[...writeConfig(settings, budgetMs), '', ...paths.map(escapeConfig)].join('\n')}\n`,
    timeoutMs: budgetMs + requestTimeoutMs + 15_000,
    maxOutputBytes: 8192 + paths.length * 4096,
    signal,
  });
  if (reply.status === noCurlStatus) return undefined;
  return reply.body.split('\n').flatMap((line) => readSample(line, paths));
}

function writeConfig(settings: WarmBatch['settings'], budgetMs: number): string[] {
  const maxSeconds = Math.max(1, Math.ceil(Math.min(requestTimeoutMs, budgetMs) / 1000));
  const options = [
    'silent',
    'show-error',
    'globoff',
    'path-as-is',
    'noproxy = "*"',
    'output = "/dev/null"',
    'dump-header = "-"',
    `max-time = ${maxSeconds}`,
    `write-out = ${quote('\ndrover %{http_code} %{time_total}\n')}`,
  ];
  for (const [name, value] of Object.entries(warmHeaders(settings))) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\r\n\0]/.test(value)) {
      throw new DroverError({
        code: 'invalid-file',
        message: `"${printable(`${name}: ${value}`)}" is not a header`,
        fix: 'correct warm.headers',
      });
    }
    options.push(`header = ${quote(value === '' ? `${name};` : `${name}: ${value}`)}`);
  }
  return options;
}

/** A value in curl's config file syntax: the backslash escapes of curl(1), and no other character is special in quotes. */
function quote(text: string): string {
  return `"${escapeConfig(text)}"`;
}

function escapeConfig(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}

function readSample(line: string, paths: readonly string[]): WarmSample[] {
  const [number, ...fields] = line.split('\t');
  const path = /^\d+$/.test(number ?? '') ? paths[Number(number)] : undefined;
  if (path === undefined) return [];
  const headers: Record<string, string> = {};
  let why = 'curl gave no answer';
  let measured: RegExpExecArray | null = null;
  for (const field of fields) {
    const header = /^([\w-]+):\s*(.*)$/.exec(field);
    const name = header?.[1]?.toLowerCase() ?? '';
    if (name === 'curl') why = header?.[2] ?? why;
    else if (header !== null) headers[name] = headers[name] === undefined ? (header[2] ?? '') : `${headers[name]}, ${header[2]}`;
    measured = /^drover (\d{3}) ([\d.,]+)$/.exec(field) ?? measured;
  }
  const ms = Number(measured?.[2]?.replace(',', '.') ?? 0) * 1000;
  const status = Number(measured?.[1] ?? 0);
  const whole = status !== 0 && !fields.some((field) => field.startsWith('curl: '));
  return [whole ? {kind: 'answered', path, ms, headers, status} : {kind: 'failed', path, ms, headers, why}];
}
