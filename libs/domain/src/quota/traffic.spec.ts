import { describe, expect, it } from '@jest/globals';
import { trafficLeft, trafficMonth } from './traffic.js';

const iso = (ms: number) => new Date(ms).toISOString();

describe('monthly traffic', () => {
  it("counts in the calendar month of the tenant's time zone", () => {
    const berlin = trafficMonth(Date.parse('2026-03-31T22:30:00Z'), 'Europe/Berlin');
    expect([berlin.name, iso(berlin.fromMs), iso(berlin.toMs)]).toEqual([
      '2026-04',
      '2026-03-31T22:00:00.000Z',
      '2026-04-30T22:00:00.000Z',
    ]);
    const march = trafficMonth(Date.parse('2026-03-31T21:59:59Z'), 'Europe/Berlin');
    expect([march.name, iso(march.fromMs), march.toMs]).toEqual(['2026-03', '2026-02-28T23:00:00.000Z', berlin.fromMs]);
    const december = trafficMonth(Date.parse('2026-12-31T23:59:59Z'), 'UTC');
    expect([december.name, iso(december.toMs)]).toEqual(['2026-12', '2027-01-01T00:00:00.000Z']);
    expect(trafficMonth(Date.parse('2026-12-31T23:59:59Z'), 'Pacific/Auckland').name).toBe('2027-01');
  });

  it('leaves the smaller of what direction and total leave', () => {
    const used = { uploadedBytes: 30, downloadedBytes: 50 };
    expect(trafficLeft({}, used, 'upload')).toBeNull();
    expect(trafficLeft({ monthlyUpload: 100 }, used, 'upload')).toBe(70);
    expect(trafficLeft({ monthlyUpload: 100 }, used, 'download')).toBeNull();
    expect(trafficLeft({ monthlyUpload: 100, monthlyTotal: 90 }, used, 'upload')).toBe(10);
    expect(trafficLeft({ monthlyDownload: 40 }, used, 'download')).toBe(0);
  });
});
