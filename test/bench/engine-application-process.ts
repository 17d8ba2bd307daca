import Srf from 'drachtio-srf';

/*
 * The least an application can do, by drachtio-srf in a process of its own: 200 to every MESSAGE, every call taken and its
 * BYE awaited. It may be told to work on each text. Its parent says where the control
 * port is, is told when the routes are known, and how many texts it was shown when it asks by `shown`.
 */

interface Request {
  readonly method: string;
}
interface Response {
  send(status: number): void;
}
interface Dialog {
  on(event: 'destroy', listener: () => void): void;
}
interface Application {
  message(handler: (request: Request, response: Response) => void): void;
  invite(handler: (request: Request, response: Response) => void): void;
  createUAS(request: Request, response: Response, options: { localSdp: string }): Promise<Dialog>;
  connect(options: { host: string; port: number; secret: string }): void;
  on(event: 'connect' | 'error', listener: (error: unknown) => void): void;
}

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n';

process.on('disconnect', () => process.exit(0)).on('SIGTERM', () => process.exit(0));
let shown = 0;

process.on('message', (order: { control: number; secret: string; work: number } | 'shown') => {
  if (order === 'shown') {
    process.send?.(shown);
    return;
  }
  const { control, secret, work } = order;
  const application = new Srf() as unknown as Application;
  application.message((_, response) => {
    shown++;
    const end = performance.now() + work;
    while (performance.now() < end);
    response.send(200);
  });
  application.invite((request, response) => {
    application.createUAS(request, response, { localSdp: SDP }).then(
      (dialog) => dialog.on('destroy', () => undefined),
      // Whoever called sees that there is no call.
      () => undefined,
    );
  });
  application.on('error', () => undefined);
  application.on('connect', (error) => {
    if (error instanceof Error) throw error;
    // Routes are sent as it connects; a moment later they are known.
    setTimeout(() => process.send?.('ready'), 200);
  });
  application.connect({ host: '127.0.0.1', port: control, secret });
});
