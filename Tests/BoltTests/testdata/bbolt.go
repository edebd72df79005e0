// A real bbolt for the tests of this module (see README.md): makes, checks, sums up and changes
// database files.
package main

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand"
	"os"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// As `etcdctl snapshot status`: CRC-32C over bucket names, keys and values in order.
func status(tx *bolt.Tx) (hash uint32, keys int) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	must(tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		sum.Write(name)
		return b.ForEach(func(k, v []byte) error {
			sum.Write(k)
			sum.Write(v)
			keys++
			return nil
		})
	}))
	return sum.Sum32(), keys
}

func main() {
	command, path := os.Args[1], os.Args[2]
	if command == "make" {
		os.Remove(path)
		size, _ := strconv.Atoi(os.Args[3])
		db, err := bolt.Open(path, 0600, &bolt.Options{PageSize: size})
		must(err)
		// A stored free list with entries, inline buckets, an empty one, overflow pages.
		for round := 0; round < 4; round++ {
			must(db.Update(func(tx *bolt.Tx) error {
				_, err := tx.CreateBucketIfNotExists([]byte("empty"))
				must(err)
				inline, err := tx.CreateBucketIfNotExists([]byte("inline"))
				must(err)
				must(inline.Put([]byte("round"), []byte(strconv.Itoa(round))))
				must(inline.Put([]byte("name"), []byte("small")))
				must(inline.SetSequence(7))
				large, err := tx.CreateBucketIfNotExists([]byte("large"))
				must(err)
				for i := round; i < 300; i += round + 1 {
					key := []byte(fmt.Sprintf("key-%04d", i*7%300))
					must(large.Put(key, []byte(strings.Repeat("x", i%90)+strconv.Itoa(round))))
				}
				must(large.Put([]byte("overflow"), []byte(strings.Repeat("0123456789", 1000))))
				for i := 100; round == 3 && i < 200; i++ {
					must(large.Delete([]byte(fmt.Sprintf("key-%04d", i))))
				}
				return nil
			}))
		}
		must(db.Close())
	}
	db, err := bolt.Open(path, 0600, &bolt.Options{NoFreelistSync: command != "make"})
	must(err)
	if command == "churn" {
		seed, _ := strconv.Atoi(os.Args[3])
		random := rand.New(rand.NewSource(int64(seed)))
		for round := 0; round < 5; round++ {
			must(db.Update(func(tx *bolt.Tx) error {
				b, err := tx.CreateBucketIfNotExists([]byte("key"))
				must(err)
				for i := 0; i < 200; i++ {
					key := []byte(fmt.Sprintf("%06d", random.Intn(5000)))
					if random.Intn(3) == 0 {
						must(b.Delete(key))
					} else {
						must(b.Put(key, make([]byte, random.Intn(2000))))
					}
				}
				return nil
			}))
		}
	}
	var size int64
	must(db.View(func(tx *bolt.Tx) error {
		size = tx.Size()
		problems := 0
		for err := range tx.Check() {
			fmt.Fprintln(os.Stderr, err)
			problems++
		}
		hash, keys := status(tx)
		must(json.NewEncoder(os.Stdout).Encode(
			map[string]int{"hash": int(hash), "totalKey": keys, "problems": problems}))
		return nil
	}))
	must(db.Close())
	if command == "make" {
		must(os.Truncate(path, size))
	}
}
