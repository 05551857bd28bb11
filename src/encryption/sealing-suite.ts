import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';

/** HPKE (RFC 9180) in base mode, of what every Node since 20 has in its WebCrypto. */
export const suite = new CipherSuite({
  kem: new DhkemP256HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});

/** Bytes of the encapsulated key, which stand before the ciphertext. */
export const ENCAPSULATED_BYTES = suite.kem.encSize;
