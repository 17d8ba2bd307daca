import type { Config } from './config.ts';
import type { SummaryBodySettings } from './mwi/summary-body.ts';

/** How bodies are to be written, by the environment: for those who publish them and those who check them. */
export function summarySettings(config: Config): SummaryBodySettings {
  return {
    messageAccount: config.MESSAGE_ACCOUNT,
    contextClass: config.MWI_CONTEXT_CLASS,
    voiceLine: config.MWI_VOICE_LINE === 'on',
    messageHeaders: new Set(config.MWI_MESSAGE_HEADERS),
  };
}
