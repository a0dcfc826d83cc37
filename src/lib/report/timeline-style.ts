/** The style sheet of the HTML timeline. Colours keep their meaning in both themes; failures have a mark besides. */
export const timelineStyle = `
:root{color-scheme:light dark;--ink:#1d2530;--soft:#5c6877;--line:#dfe4ea;--paper:#fff;--panel:#f5f7f9;--band:#eef2f6;--lost:#fdeaea;
--good:#1a7f4b;--bad:#c62828;--warn:#9a6700;--read:#9aa5b1;--stage:#3b82d6;--drain:#e08a2c;--switch:#8257c9;--health:#3aa76d;--warm:#d9b32b;--admit:#1fa3a3;--revert:#d6548e}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaef;--soft:#98a4b3;--line:#2c3541;--paper:#12171d;--panel:#1a212a;--band:#1b232d;--lost:#3a1d1f;
--good:#4cc38a;--bad:#ff6b6b;--warn:#e3b341;--read:#6b7785;--stage:#4f93e6;--drain:#e39a45;--switch:#9a74e0;--health:#46b87a;--warm:#dcbb45;--admit:#2fb5b5;--revert:#e46aa0}}
*{box-sizing:border-box}body{margin:0 auto;padding:28px 32px 48px;max-width:1500px;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:22px;margin:0 0 4px;font-weight:650}h2{font-size:15px;margin:32px 0 10px}code{font:13px ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.sub{color:var(--soft);margin:0 0 18px}.badge{display:inline-block;padding:1px 10px;margin-left:8px;border-radius:12px;font-size:13px;font-weight:600;vertical-align:3px;color:var(--paper);background:var(--bad)}
.badge.good{background:var(--good)}.badge.warn{background:var(--warn)}
.facts{display:flex;flex-wrap:wrap;margin:0;border:1px solid var(--line);border-radius:8px;overflow:hidden;background:var(--panel)}
.facts div{padding:8px 18px}.facts dt{font-size:12px;color:var(--soft)}.facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
.next{margin:16px 0 0;padding:10px 16px;border-left:4px solid var(--warn);background:var(--panel)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:0 0 12px;padding:0;list-style:none;font-size:12px;color:var(--soft)}.legend svg{width:14px;height:10px;margin-right:6px}
.timeline{display:grid;grid-template-columns:minmax(150px,260px) minmax(500px,1fr);gap:0 12px;overflow-x:auto}.timeline svg{width:100%;display:block}.names{overflow:visible}
.grid{stroke:var(--line)}.tick{fill:var(--soft);font-size:11px}.wave{fill:var(--ink);font-size:12px;font-weight:600}.host{fill:var(--soft);font-size:11px;dominant-baseline:central}
.host.odd{fill:var(--warn);font-weight:600}.host.lost{fill:var(--bad);font-weight:600}
.dot.fine{fill:var(--good)}.dot.odd{fill:var(--warn)}.dot.lost{fill:var(--bad)}.dot.mute{fill:var(--line)}
.band{fill:var(--band)}.band.lost{fill:var(--lost)}.turn{stroke:var(--bad);stroke-width:2;stroke-dasharray:5 4}
.k-read{fill:var(--read)}.k-stage{fill:var(--stage)}.k-drain{fill:var(--drain)}.k-switch{fill:var(--switch)}.k-health{fill:var(--health)}.k-warm{fill:var(--warm)}.k-admit{fill:var(--admit)}.k-revert{fill:var(--revert)}
rect.bad{stroke:var(--bad);stroke-width:1.5}.flag{fill:var(--bad)}.cross{fill:var(--bad);font-size:13px;font-weight:700;dominant-baseline:central}
table{border-collapse:collapse;width:100%;font-size:13px}th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{font-weight:600;color:var(--soft);font-size:12px;white-space:nowrap}td.num{white-space:nowrap}
td.good{color:var(--good)}td.bad{color:var(--bad)}td.warn{color:var(--warn)}td.word{white-space:nowrap;font-weight:600}
@media print{body{max-width:none;padding:0}}
`;
