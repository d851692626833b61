import { Socket } from 'node:net';

/**
 * Tests reach nothing but this machine: a connection to anywhere else fails the way a network
 * that refuses does. Child processes are pointed at loopback servers by their arguments.
 */
const connect = Socket.prototype.connect;
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost|)$/;

Socket.prototype.connect = function guarded(this: Socket, ...args: unknown[]) {
  const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
  const host =
    typeof first === 'object' && first !== null && 'host' in first ? String(first.host ?? '') : '';
  if (!LOOPBACK.test(host)) {
    throw new Error(`a test tried to connect to ${host}`);
  }
  return Reflect.apply(connect, this, args);
} as typeof connect;
