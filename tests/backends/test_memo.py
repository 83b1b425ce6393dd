"""What is worked out once for each record."""

from neurosim.backends.memo import once_each


def test_each_combination_of_records_is_worked_out_once():
    calls = []

    @once_each
    def work(first, second=None):
        calls.append((first, second))
        return len(calls)

    one, other = {"a": 1}, {"a": 1}
    assert [work(one), work(other), work(one)] == [1, 2, 1]
    assert [work(one, second=one), work(one, second=other), work(one, second=one)] == [3, 4, 3]
