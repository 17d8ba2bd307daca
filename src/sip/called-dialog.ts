import { EventEmitter } from 'node:events';
import type { CallDialog, DrachtioRequest, DrachtioResponse, HeaderMap } from './drachtio.ts';

export interface CalledDialogOptions {
  readonly id: string;
  /** The Contact of our INVITE. */
  readonly contact: string;
  /** Our offer. */
  readonly sdp: string;
  /** Sends a request in the dialog and waits for its final response. */
  readonly request: CallDialog['request'];
  /** The dialog is over: nothing in it is handed to us any more. */
  readonly remove: (dialog: CalledDialog) => void;
}

/**
 * The dialog of a call of ours that was answered. It takes the place of drachtio-srf's own, which is there only some turns of
 * the event loop after the 200, when a BYE may have come already, and not at all when the answer has no Contact.
 */
export class CalledDialog extends EventEmitter implements CallDialog {
  readonly id: string;
  readonly local: { readonly sdp: string; readonly contact: string };
  readonly request: CallDialog['request'];
  readonly #remove: () => void;
  #connected = true;

  constructor({ id, contact, sdp, request, remove }: CalledDialogOptions) {
    super();
    this.id = id;
    this.local = { contact, sdp };
    this.request = request;
    this.#remove = () => remove(this);
  }

  /** False once a BYE has come, or left. */
  get connected(): boolean {
    return this.#connected;
  }

  handle(request: DrachtioRequest, response: DrachtioResponse): void {
    switch (request.method) {
      case 'BYE':
        this.#end();
        response.send(200, 'OK', {});
        this.emit('destroy');
        break;
      case 'OPTIONS':
        response.send(200, 'OK', {});
        break;
      case 'ACK':
        break;
      default:
        // Nobody has taken the call yet: the answer to our offer is still being read (RFC 3261 §14.2).
        response.send(500, 'The call has just begun', { headers: { 'Retry-After': '1' } });
    }
  }

  async destroy({ headers = {} }: { headers?: HeaderMap } = {}): Promise<DrachtioResponse> {
    this.#connected = false;
    try {
      return await this.request({ method: 'BYE', headers });
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#connected = false;
    this.#remove();
  }
}
