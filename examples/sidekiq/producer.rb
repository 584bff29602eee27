# producer.rb COUNT SECONDS: queues COUNT jobs that take SECONDS each.
require_relative "jobs"

count, seconds = ARGV.map(&:to_i)
count.times { Work.perform_async(seconds) }
