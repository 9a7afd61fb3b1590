-- To find the subscription with the most rows, and its oldest: the index contains `seq` as well.
CREATE INDEX history_of_subscription ON history (subscription);
