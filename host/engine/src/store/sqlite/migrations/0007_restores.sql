-- When a backup was restored. Codes of apps that were accepted before could be accepted again for a while.
ALTER TABLE clock ADD COLUMN restored_at INTEGER;
