import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** An image of one empty layer, tag `one`, as an OCI layout: https://github.com/opencontainers/image-spec */
export const createImage = (directory: string): void => {
  const blobs = join(directory, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    const hash = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hash), bytes);
    return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
  };
  const putJson = (mediaType: string, value: object) =>
    put(mediaType, Buffer.from(JSON.stringify(value)));
  const tar = Buffer.alloc(1024);
  const kind = 'application/vnd.oci.image';
  const layer = put(`${kind}.layer.v1.tar+gzip`, gzipSync(tar));
  const diff = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  const config = putJson(`${kind}.config.v1+json`, {
    ...{ architecture: 'amd64', os: 'linux', config: {} },
    rootfs: { type: 'layers', diff_ids: [diff] },
  });
  const manifest = putJson(`${kind}.manifest.v1+json`, {
    ...{ schemaVersion: 2, mediaType: `${kind}.manifest.v1+json`, config, layers: [layer] },
  });
  const annotations = { 'org.opencontainers.image.ref.name': 'one' };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  writeFileSync(join(directory, 'index.json'), JSON.stringify(index));
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
};
