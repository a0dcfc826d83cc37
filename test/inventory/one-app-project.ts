/** A project with one app that has this line besides what it must have. */
export function withLine(line: string): string {
  return `apps:\n  code:\n    source: ./dist\n    root: /srv/code\n    hosts: role:web\n    ${line}\n`;
}
