/** `harmony4 redact`: what goes, what the copy says of it, and what is refused. */
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { flipped, noise, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);

beforeAll(async () => {
  await writeFile(path('in.bin'), noise(640 * 1024));
  const made = [
    await cli(['keygen', '-o', path('cam.key'), '--name', 'example.com/cam7']),
    await cli(['export', path('in.bin'), '-o', path('rec.h4mk'), '--block-size', '64KiB', '--signer', path('cam.key')]),
  ];
  for (const { code, stderr } of made) if (code !== 0) throw new Error(stderr);
});

const redact = (output: string, ...options: string[]) =>
  cli(['redact', path('rec.h4mk'), '-o', path(output), '--force', ...options]);
const verified = async (file: string) =>
  jsonOf((await cli(['verify', path(file), '--key', path('cam.key.pub'), '--json'])).stdout);

describe('redact', () => {
  it('removes records by number, and every signature stays valid', async () => {
    const { code, stdout } = await redact('a.h4mk', '--records', '3,5-6');
    expect(code).toBe(0);
    expect(stdout).toContain('3 records: 3, 5-6');
    expect(stdout).toContain('none: nobody has signed why');
    const [before, after] = [await verified('rec.h4mk'), await verified('a.h4mk')];
    expect([before['state'], after['state']]).toEqual(['OK', 'OK_WITH_REDACTIONS']);
    expect(after['root']).toBe(before['root']);
    expect([after['redacted'], after['exit_code']]).toEqual([3, 3]);
    expect((await readFile(path('a.h4mk'))).length).toBe((await readFile(path('rec.h4mk'))).length);
  });

  it('removes what is shown in a span of time', async () => {
    const { stdout } = await redact('b.h4mk', '--from', '0.05s', '--to', '0.1s', '--json');
    // 30 blocks per second: those of 33, 67 and 100 ms, without the last, which begins where the span ends.
    expect(jsonOf(stdout)).toMatchObject({ redacted: [3, 4], statement: null, redacted_before: [] });
  });

  it('makes a shorter file with --compact', async () => {
    const { stdout } = await redact('c.h4mk', '--records', '2', '--compact', '--json');
    const lost = (await readFile(path('rec.h4mk'))).length - (await readFile(path('c.h4mk'))).length;
    expect(lost).toBe(jsonOf(stdout)['redacted_bytes']);
    expect((await verified('c.h4mk'))['state']).toBe('OK_WITH_REDACTIONS');
  });

  it('signs who removed what and why, and the check shows it', async () => {
    const { code, stdout } = await redact(
      'd.h4mk',
      '--records',
      '4',
      '--reason',
      'a bystander',
      '--signer',
      path('cam.key'),
    );
    expect(code).toBe(0);
    expect(stdout).toContain('signed by example.com/cam7/statements');
    expect((await verified('d.h4mk'))['statements']).toMatchObject([
      { verified: ['example.com/cam7/statements'], reason: 'a bystander', records: [4] },
    ]);
  });

  it('keeps what is removed in a clip, which proves that it was there', async () => {
    const { stdout, code } = await redact('k.h4mk', '--records', '3,5-6', '--keep', path('removed.h4mk'));
    expect(code).toBe(0);
    expect(stdout).toContain('removed.h4mk');
    const [rest, removed] = [await verified('k.h4mk'), await verified('removed.h4mk')];
    expect(removed['state']).toBe('OK_SLICE');
    expect([removed['root'], removed['file_id']]).toEqual([rest['root'], rest['file_id']]);
    const shown = await cli(['extract', path('removed.h4mk'), '-o', path('removed.bin'), '--force']);
    expect(shown.code).toBe(3);
    const original = noise(640 * 1024);
    const [first, second] = [original.subarray(65_536, 131_072), original.subarray(196_608, 327_680)];
    expect((await readFile(path('removed.bin'))).equals(Buffer.concat([first, second]))).toBe(true);
  });

  describe('behind the signature of a stranger', () => {
    beforeAll(async () => {
      await cli(['keygen', '-o', path('att.key'), '--name', 'example.net/att']);
      const { code, stderr } = await cli([
        ...['sign', path('rec.h4mk'), '--signer', path('att.key'), '-o', path('late.h4mk')],
      ]);
      if (code !== 0) throw new Error(stderr);
    });
    const redactLate = (output: string, ...options: string[]) =>
      cli(['redact', path('late.h4mk'), '--records', '3', '-o', path(output), '--force', ...options]);

    it('what is kept is still by whoever recorded it', async () => {
      expect((await redactLate('l.h4mk', '--keep', path('l-kept.h4mk'))).code).toBe(0);
      for (const file of ['l.h4mk', 'l-kept.h4mk']) expect(await verified(file)).toMatchObject({ proven: true });
      await cli(['clip', path('late.h4mk'), '--from', '0', '--to', '0.1s', '-o', path('l-clip.h4mk'), '--force']);
      expect(await verified('l-clip.h4mk')).toMatchObject({ state: 'OK_SLICE', proven: true });
    });

    it('--key refuses what is by nobody who is named, and writes nothing', async () => {
      const kept = ['--keep', path('t-kept.h4mk')];
      expect((await redactLate('t.h4mk', '--key', path('cam.key.pub'), ...kept)).code).toBe(0);
      expect(await verified('t-kept.h4mk')).toMatchObject({ state: 'OK_SLICE', proven: true });
      await cli(['keygen', '-o', path('nobody.key'), '--name', 'example.net/nobody']);
      const refused = await redactLate('u.h4mk', '--key', path('nobody.key.pub'), '--keep', path('u-kept.h4mk'));
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_UNTRUSTED')]);
      for (const file of ['u.h4mk', 'u-kept.h4mk']) await expect(readFile(path(file))).rejects.toThrow('ENOENT');
    });
  });

  it('redacts a clip', async () => {
    await cli(['clip', path('rec.h4mk'), '--from', '0', '-o', path('clip.h4mk')]);
    const { code } = await cli(['redact', path('clip.h4mk'), '--records', '3', '-o', path('clip2.h4mk')]);
    expect(code).toBe(0);
    expect(await verified('clip2.h4mk')).toMatchObject({ state: 'OK_SLICE', redacted: 1 });
  });

  it('warns of what can be guessed', async () => {
    const { stderr } = await redact('e.h4mk', '--records', '4,5', '--json');
    const [warning] = jsonLines(stderr);
    expect(warning).toMatchObject({ code: 'H4_GUESSABLE' });
    expect(warning?.['warning']).toContain('all of the 2 removed payloads had no blind and no encryption');
  });

  it('goes on with a redacted file, and refuses to do nothing', async () => {
    await redact('f.h4mk', '--records', '4');
    const again = (...options: string[]) =>
      cli(['redact', path('f.h4mk'), '-o', path('g.h4mk'), '--force', ...options]);
    expect(jsonOf((await again('--records', '4-5', '--json')).stdout)).toMatchObject({
      redacted: [5],
      redacted_before: [4],
    });
    const same = await again('--records', '4');
    expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('1 record meant, all redacted already')]);
    const none = await again('--from', '1:00:00', '--to', '2:00:00');
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(
        /H4_RANGE_NOT_FOUND: The recording has nothing at that time: it goes from 0:00:00.000 to 0:/,
      ),
    ]);
  });

  it.each([
    [['--records', '4', '--from', '1s'], 'either --records, or --from and --to'],
    [[], 'either --records, or --from and --to'],
    [['--from', '2s', '--to', '1s'], '--to must be later'],
    [['--from', '0'], 'with both --from and --to'],
    [['--to', '0.1s'], 'with both --from and --to'],
    [['--records', '4', '--reason', 'x'], '--reason and --signer go together'],
    [['--records', '4', '--passphrase-file', 'x'], 'without --signer'],
    [['--records', '999'], 'has no record 999'],
    [['--records', '0'], 'cannot be redacted'],
    [['--records', 'x'], 'is no record number'],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await redact('refused.h4mk', ...options);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    await expect(readFile(path('refused.h4mk'))).rejects.toThrow();
  });

  it('refuses a file that is not sound, and one that is no recording', async () => {
    await writeFile(path('bad.h4mk'), flipped(await readFile(path('rec.h4mk')), 5000));
    const bad = await cli(['redact', path('bad.h4mk'), '--records', '4', '-o', path('x.h4mk')]);
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('is not sound');
    const missing = await cli(['redact', path('nowhere.h4mk'), '--records', '4', '-o', path('x.h4mk')]);
    expect(missing.code).toBe(4);
    await expect(readFile(path('x.h4mk'))).rejects.toThrow();
  });

  describe('with export --redactable', () => {
    const exported = async (output: string, ...options: string[]) =>
      cli([
        'export',
        path('in.bin'),
        '-o',
        path(output),
        '--block-size',
        '64KiB',
        '--redactable',
        '--force',
        ...options,
      ]);
    const metaOf = async (file: string) => (await readFile(path(file))).toString('latin1');

    it('leaves nothing that could be guessed', async () => {
      expect((await exported('blind.h4mk')).code).toBe(0);
      expect(await metaOf('blind.h4mk')).not.toContain('sha256');
      const { stderr, code } = await cli(['redact', path('blind.h4mk'), '--records', '4', '-o', path('blind2.h4mk')]);
      expect([code, stderr]).toEqual([0, '']);
    });

    it('gives the same bytes for the same seed', async () => {
      await writeFile(path('seed'), noise(32), { mode: 0o600 });
      await writeFile(path('other'), noise(32, 9), { mode: 0o600 });
      const bytes = [];
      for (const seed of ['seed', 'seed', 'other']) {
        const { code } = await exported('s.h4mk', '--signable', '--blind-seed-file', path(seed));
        expect(code).toBe(0);
        bytes.push(await readFile(path('s.h4mk')));
      }
      const [first, second, third] = bytes;
      expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
      expect(first?.equals(third ?? Buffer.alloc(0))).toBe(false);
    });

    it('refuses a seed that recordings would share, and one without use', async () => {
      const shared = await exported('s.h4mk', '--blind-seed-file', path('seed'));
      expect([shared.code, shared.stderr]).toEqual([2, expect.stringContaining('use --signable')]);
      const alone = await cli(['export', path('in.bin'), '-o', path('t.h4mk'), '--blind-seed-file', path('seed')]);
      expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('without --redactable')]);
    });

    it('goes with a live recording', async () => {
      const live = await cli(['export', '-', '-o', path('live.h4mk'), '--live', '--redactable'], {
        stdin: noise(200_000),
      });
      expect(live.code).toBe(0);
      const { stderr } = await cli(['redact', path('live.h4mk'), '--records', '2', '-o', path('live2.h4mk')]);
      expect(stderr).toBe('');
      expect((await verified('live2.h4mk'))['errors']).toMatchObject([{ code: 'H4_SIGN_MISSING' }]);
    });
  });

  it('writes to standard output, and leaves FILE alone', async () => {
    const before = await readFile(path('rec.h4mk'));
    const { bytes, stderr } = await cli(['redact', path('rec.h4mk'), '--records', '4', '-o', '-']);
    expect(bytes.subarray(0, 4).toString()).toBe('H4MK');
    expect(stderr).toContain('1 record: 4');
    expect((await readFile(path('rec.h4mk'))).equals(before)).toBe(true);
  });
});
