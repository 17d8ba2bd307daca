import { expect } from 'chai';
import { accepts } from '../../src/presence/accept.ts';
import { formatEventHeader, readEventHeader } from '../../src/presence/event-package.ts';

describe('the Event header', () => {
  it('gives event type and id, and leaves other parameters out', () => {
    expect(readEventHeader('message-summary')).to.deep.equal({ name: 'message-summary' });
    expect(readEventHeader(' message-summary ; x=1;id=a7 ')).to.deep.equal({
      name: 'message-summary',
      id: 'a7',
    });
    expect(formatEventHeader({ name: 'message-summary', id: 'a7' })).to.equal('message-summary;id=a7');
  });

  it('header injection: takes no line end, blank or quote into a NOTIFY', () => {
    expect(readEventHeader('message-summary\r\nX: y')).to.equal(undefined);
    expect(readEventHeader('')).to.equal(undefined);
    for (const id of ['a\r\nX: y', 'a b', '"a"', 'a'.repeat(129)]) {
      expect(readEventHeader(`message-summary;id=${id}`)).to.deep.equal({ name: 'message-summary' });
    }
  });
});

describe('the Accept header', () => {
  const type = 'application/simple-message-summary';

  it('takes the type by its name in any case, by its family and by any type', () => {
    for (const range of [type, 'Application/Simple-Message-Summary;level=1', 'application/*', '*/*']) {
      expect(accepts(['text/plain', range], type), range).to.equal(true);
    }
  });

  it('takes the default type when it is absent', () => {
    expect(accepts([], type)).to.equal(true);
  });

  it('refuses when nothing matches, or the nearest match has q=0', () => {
    expect(accepts(['text/plain', 'text/*'], type)).to.equal(false);
    expect(accepts(['*/*', `${type};q=0`], type)).to.equal(false);
    expect(accepts(['*/*;q=0.000', type], type)).to.equal(true);
  });
});
