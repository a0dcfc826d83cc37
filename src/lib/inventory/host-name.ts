import {isIPv6} from 'node:net';
import type {AppName, HostName, RoleName, SiloName} from './host.js';

const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/;

/** Words of the selection grammar: a host of this name could not be selected. */
const reservedHosts: ReadonlySet<string> = new Set(['all']);

/** What a host may be called, as the fix of a refused one. */
export const hostNameRule = 'letters, digits, dot, hyphen, or an IP address';
/** What silos, roles and apps may be called. */
export const nameRule = 'letters, digits, hyphen and underscore, at most 63';

/**
 * A host name or an IPv4 or IPv6 address (without brackets or zone), never an option, a shell word or an ssh token.
 * Undefined for everything else, among it the reserved word `all`.
 */
export function parseHostName(text: string): HostName | undefined {
  if (reservedHosts.has(text)) return undefined;
  const isAddress = text.includes(':') && isIPv6(text) && !text.includes('%');
  return hostPattern.test(text) || isAddress ? (text as HostName) : undefined;
}

export function parseSiloName(text: string): SiloName | undefined {
  return namePattern.test(text) ? (text as SiloName) : undefined;
}

export function parseRoleName(text: string): RoleName | undefined {
  return namePattern.test(text) ? (text as RoleName) : undefined;
}

export function parseAppName(text: string): AppName | undefined {
  return namePattern.test(text) ? (text as AppName) : undefined;
}

/** A login name: no option, no `%` token of ssh, nothing a shell would touch. */
export function parseUserName(text: string): string | undefined {
  return userPattern.test(text) ? text : undefined;
}

/** 1..65535, decimal digits only. */
export function parsePort(text: string): number | undefined {
  if (!/^[1-9]\d{0,4}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

/** A host key fingerprint as `ssh-keygen -lf` prints it. */
export function parseFingerprint(text: string): string | undefined {
  return /^SHA256:[A-Za-z0-9+/]{43}$/.test(text) ? text : undefined;
}
