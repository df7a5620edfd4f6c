import { describe, expect, it } from 'vitest';
import { readServiceSettings } from '../../src/api/settings.js';
import { refusal } from '../utils/refusal.js';

describe('readServiceSettings()', () => {
  it('listens on this machine only, with a core in processes of its own, unless told otherwise', () => {
    expect(readServiceSettings({})).toMatchObject({
      core: { isolation: 'process', verify: 'always', fallback: 'refuse' },
      host: '127.0.0.1',
      port: 8000,
      isLoopback: true,
      hosts: [],
      logLevel: 'info',
      limits: {},
    });
    expect(readServiceSettings({ PORT: '', HARMONY4_HOST: '', HARMONY4_MAX_UPLOAD: '' })).toMatchObject({
      port: 8000,
      limits: {},
    });
  });

  it('reads every variable', () => {
    const settings = readServiceSettings({
      HARMONY4_HOST: '::1',
      PORT: '0',
      HARMONY4_HOSTS: ' Archive.Example.org, media:8000 ,[::1]:9',
      HARMONY4_LOG_LEVEL: 'warn',
      HARMONY4_MAX_UPLOAD: '20GiB',
      HARMONY4_SIGNING_KEY: '/etc/key',
      HARMONY4_CORE_ISOLATION: 'inline',
    });
    expect(settings).toMatchObject({
      core: { isolation: 'inline' },
      host: '::1',
      port: 0,
      isLoopback: true,
      hosts: ['archive.example.org', 'media:8000', '[::1]:9'],
      logLevel: 'warn',
      limits: { maxUploadBytes: 20 * 1024 ** 3 },
      signingKeyPath: '/etc/key',
    });
    expect(readServiceSettings({ HARMONY4_MAX_UPLOAD: '1234' }).limits).toEqual({ maxUploadBytes: 1234 });
    expect(readServiceSettings({ HARMONY4_MAX_UPLOAD: '5m' }).limits).toEqual({ maxUploadBytes: 5 * 1024 ** 2 });
  });

  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org'])(
    'does not open the service to other machines by %s alone',
    (host) => {
      const { code, message, detail } = refusal(() => readServiceSettings({ HARMONY4_HOST: host }));
      expect([code, detail['field']]).toEqual(['H4_PARAM', 'HARMONY4_HOST']);
      expect(message).toContain('HARMONY4_AUTH=off');
      expect(message).toContain('no access tokens yet');
      expect(readServiceSettings({ HARMONY4_HOST: host, HARMONY4_AUTH: 'off' })).toMatchObject({
        host,
        isLoopback: false,
      });
    },
  );

  it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '::1'])('takes %s for this machine', (host) => {
    expect(readServiceSettings({ HARMONY4_HOST: host }).isLoopback).toBe(true);
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '8000x'],
    ['HARMONY4_AUTH', 'on'],
    ['HARMONY4_HOSTS', 'http://example.org'],
    ['HARMONY4_HOSTS', 'a b'],
    ['HARMONY4_LOG_LEVEL', 'verbose'],
    ['HARMONY4_MAX_UPLOAD', '0'],
    ['HARMONY4_MAX_UPLOAD', '-5'],
    ['HARMONY4_MAX_UPLOAD', '5 apples'],
    ['HARMONY4_MAX_UPLOAD', '999999999999999TiB'],
    ['HARMONY4_CORE_ISOLATION', 'thread'],
  ])('refuses %s=%s by name', (name, value) => {
    const { code, detail } = refusal(() => readServiceSettings({ [name]: value }));
    expect([code, detail['field']]).toEqual(['H4_PARAM', name]);
  });

  it('passes on what is wrong about pins', () => {
    expect(refusal(() => readServiceSettings({ HARMONY4_ENGINE_FP: 'ab'.repeat(32) })).code).toBe('H4_CORE_PIN');
  });
});
