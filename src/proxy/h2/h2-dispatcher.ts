import { type Dispatcher, DispatcherClosed, type DispatcherSettings } from '../dispatcher.ts';
import { H2Session } from './h2-session.ts';

/**
 * Sends over HTTP/2: one session carries as many requests as the backend allows, a further one is opened when it
 * is full. Own code over Node's http2 instead of undici's, which ends all running requests when a backend announces
 * that it will close (GOAWAY), and omits the body of a GET.
 */
export function createH2Dispatcher(settings: DispatcherSettings): Dispatcher {
  const sessions = new Set<H2Session>();
  let closed = false;

  const openSession = (): H2Session => {
    const session = new H2Session(settings, () => sessions.delete(session));
    sessions.add(session);
    return session;
  };
  const roomy = (): H2Session => {
    for (const session of sessions) if (session.hasRoom) return session;
    return openSession();
  };
  const end = async (how: 'close' | 'destroy'): Promise<void> => {
    closed = true;
    await Promise.all([...sessions].map((session) => session[how]()));
  };

  return {
    send(request, handler) {
      if (closed) handler.onResponseError(new DispatcherClosed('the backend was taken out of use'));
      else roomy().send({ request, handler });
    },
    get connections() {
      return [...sessions].filter((session) => session.isUp).length;
    },
    close: () => end('close'),
    destroy: () => end('destroy'),
  };
}
