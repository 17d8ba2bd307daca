import { showTranscript } from './page.ts';
import { playRetrieval } from './retrieval.ts';

/* Plays the retrieval that docs/transcript.md shows, and writes it there: `make transcript`. */
showTranscript(await playRetrieval());
