import type { DrachtioRequestOptions, DrachtioResponse } from './drachtio.ts';

/** Sends requests of ours outside of any dialog. */
export interface RequestSender {
  /** Resolves with the final response. Rejects when there is none in time, or when the request could not be sent. */
  request(uri: string, options: DrachtioRequestOptions): Promise<DrachtioResponse>;
}
