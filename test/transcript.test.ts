import { expect } from 'chai';
import { shownTranscript } from './transcript/page.ts';
import { playRetrieval } from './transcript/retrieval.ts';

describe('docs/transcript.md', function () {
  this.timeout(30_000);

  it('shows a whole retrieval as it is played: after a change run `make transcript`', async () => {
    expect(await playRetrieval()).to.equal(shownTranscript());
  });
});
