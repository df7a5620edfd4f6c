import { describe, expect, it } from 'vitest';
import { addressName, parseAddress, redirected, withoutQueries } from '../../../src/storage/http/address.js';

describe('an address', () => {
  it('is sent without user name, password and fragment, and named without its query as well', () => {
    const address = parseAddress('https://cam7:p%40ss@Example.com:8443/a%20b.h4mk?sig=1#t');
    expect(address).toEqual({
      href: 'https://example.com:8443/a%20b.h4mk?sig=1',
      origin: 'https://example.com:8443',
      isSecure: true,
      name: 'https://example.com:8443/a%20b.h4mk',
      authorization: `Basic ${Buffer.from('cam7:p@ss').toString('base64')}`,
    });
    expect(parseAddress('http://h/x').authorization).toBeUndefined();
  });

  it('keeps every character of a user name and a password, and a percent sign that escapes nothing', () => {
    const { authorization } = parseAddress('http://%C3%B8:100%@h/');
    expect(authorization).toBe(`Basic ${Buffer.from('ø:100%').toString('base64')}`);
    expect(parseAddress('http://only-name@h/').authorization).toBe(
      `Basic ${Buffer.from('only-name:').toString('base64')}`,
    );
  });

  it('has a name even if it is none', () => {
    expect(addressName('s3://bucket/key?token=1')).toBe('s3://bucket/key');
    expect(addressName('http://secret@[')).toBe('an address');
  });

  it('of a redirect is relative to the one before, and has no credentials', () => {
    const from = parseAddress('http://cam7:secret@h/a/b?x=1');
    expect(redirected(from, '../c?y=2')).toMatchObject({ href: 'http://h/c?y=2', authorization: undefined });
    expect(redirected(from, 'https://me:too@other/')).toMatchObject({
      href: 'https://other/',
      authorization: undefined,
    });
    expect(() => redirected(from, 'http://[')).toThrow('Cannot read http://h/a/b: the server redirects without saying');
  });

  it('loses its query in the messages of others', () => {
    expect(withoutQueries('cannot fetch http://h/x?sig=1 from http://h/y?z')).toBe(
      'cannot fetch http://h/x from http://h/y',
    );
  });
});
