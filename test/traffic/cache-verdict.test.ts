import {describe, expect, it} from 'vitest';
import {readCacheVerdict} from '../../src/lib/traffic/cache-verdict.js';

describe('readCacheVerdict()', () => {
  it.each([
    [{'x-cache': 'HIT'}, 'hit'],
    [{'x-cache': 'HIT from proxy.example.com'}, 'hit'],
    [{'x-cache': 'Miss from cloudfront'}, 'miss'],
    [{'x-cache': 'HIT, MISS'}, 'miss'],
    [{'x-cache': 'MISS, HIT'}, 'hit'],
    [{'x-cache': 'MISS', age: '10'}, 'miss'],
    [{'cf-cache-status': 'DYNAMIC'}, 'miss'],
    [{'x-cache-status': 'STALE'}, 'hit'],
    [{'x-proxy-cache': 'EXPIRED'}, 'miss'],
    [{'cache-status': 'origin; fwd=uri-miss, edge; hit; ttl=300'}, 'hit'],
    [{'cache-status': 'edge; fwd=stale; hit=?0'}, 'miss'],
    [{'x-varnish': '32770 3', age: '0'}, 'hit'],
    [{'x-varnish': '32770', age: '12'}, 'miss'],
    [{age: '12'}, 'hit'],
    [{age: '0'}, 'miss'],
    [{age: 'soon'}, undefined],
    [{'content-type': 'text/html'}, undefined],
  ])('reads %j as %s', (headers, verdict) => {
    expect(readCacheVerdict(headers as Record<string, string>)).toBe(verdict);
  });
});
